"""Labels of a corpus as a trained model answers them: renamed, merged, or left out on both sides alike."""

import collections
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from voxjax import labels
from voxjax.config import one_of
from voxjax.data import labelling
from voxjax.errors import UsageError, VoxJaxError, mismatch
from voxjax.names import caseless, normalised

LABEL_SETS = tuple(labelling.SETS)
_FEWEST = 2  # labels; a test of fewer says nothing


class LabelMapping(NamedTuple):
    """What the labels of a model and those of a corpus are tested as."""

    labels: tuple[str, ...]  # of the report
    of_clips: Mapping[str, str]  # from each label of the corpus; empty for clips that are left out
    membership: Float[np.ndarray, "K tested"]  # 1 where a label of the model counts as a label of the report
    label_set: str
    answers: str  # how the model's own labels became those of the report; empty if they did not change

    @property
    def changes_answers(self) -> bool:
        """Whether labels of the model are merged or left out."""
        return bool(self.answers)

    def notes(self, counts: Mapping[str, int]) -> list[str]:
        """Sentences for the report, with the clips of each label of the corpus in `counts`."""
        renamed = [f"{old} as {new} ({counts[old]})" for old, new in self.of_clips.items() if new and new != old]
        gone = [f"{old} ({counts[old]})" for old, new in self.of_clips.items() if not new]
        total = sum(counts[old] for old, new in self.of_clips.items() if not new)
        outside = "that the model does not have" if self.label_set == "own" else f"outside of '{self.label_set}'"
        return [
            *([f"Labels of clips that count as another: {', '.join(renamed)}."] if renamed else []),
            *([self.answers] if self.answers else []),
            *([f"{total} clips have labels {outside} and are left out: {', '.join(gone)}."] if gone else []),
        ]


def parse(text: str) -> dict[str, str]:
    """The pairs of `Wut=angry,calm=neutral`, by the caseless form of the first label; `disgust=` leaves a label out.

    Raises:
        UsageError: at another form, or a label that is given twice.
    """
    pairs = [part.partition("=") for part in text.split(",") if part.strip()]
    table = {caseless(old): normalised(new) for old, equals, new in pairs if equals and old.strip()}
    if len(table) != len(pairs):
        do = "write each label once, as --map=Wut=angry,calm=neutral"
        raise UsageError(mismatch("--map", "pairs OLD=NEW, joined by commas", repr(text), do))
    return table


def of(model: Sequence[str], corpus: Sequence[str], label_set: str, renames: Mapping[str, str]) -> LabelMapping:
    """The mapping for a model and a corpus.

    Labels of the corpus with a synonym that the model has (`labels.common`) count as that one.

    Args:
        model: its labels, in order.
        corpus: the distinct labels of its clips.
        label_set: a name in `LABEL_SETS`: "own" tests all labels of the model, "shared" those that the corpus has too.
        renames: as `parse` returns them, applied before the label set, to the model's labels too.

    Raises:
        UsageError: at an unknown label set, or a rename of labels that neither has.
        VoxJaxError: where fewer than two labels would be tested, or no clip has one of them.
    """
    one_of("--labels", label_set, LABEL_SETS)
    named = {label: _renamed(label, model, renames) for label in dict.fromkeys((*model, *corpus))}
    _check_renames(model, corpus, renames, named)
    allowed = _allowed(model, corpus, label_set, named)
    tested = {label: allowed[name] if (name := named[label]) in allowed else "" for label in named}
    known = tuple(dict.fromkeys(tested[label] for label in model if tested[label]))
    of_clips = {label: tested[label] if tested[label] in known else "" for label in corpus}
    if not any(of_clips.values()):
        do = "rename labels with --map=OLD=NEW, or use another model"
        raise VoxJaxError(mismatch("corpus", "one of " + ", ".join(known or model), ", ".join(corpus), do))
    if len(known) < _FEWEST <= len(model):
        do = "choose another --labels or --map"
        raise VoxJaxError(mismatch("labels to test", "at least two", ", ".join(known) or "none", do))
    membership = np.array([[float(tested[label] == one) for one in known] for label in model])
    return LabelMapping(known, of_clips, membership, label_set, _answers(model, tested))


def merged(
    log_probabilities: Float[np.ndarray, "clips K"], temperature: float, membership: Float[np.ndarray, "K tested"]
) -> Float[np.ndarray, "clips tested"]:
    """Logits of the tested labels, which at this temperature give the sums of the model's calibrated probabilities.

    Args:
        log_probabilities: of the model's labels, before the temperature.
        temperature: of the model.
        membership: of `LabelMapping`. What is left out is divided among the rest in proportion.
    """
    logits = log_probabilities / temperature
    probabilities = np.exp(logits - logits.max(axis=1, keepdims=True)) @ membership
    return temperature * np.log(np.maximum(probabilities, np.finfo(float).tiny))


def _renamed(label: str, model: Sequence[str], renames: Mapping[str, str]) -> str:
    if caseless(label) in renames:
        return renames[caseless(label)]
    return label if label in model else labels.common(label)


def _check_renames(
    model: Sequence[str], corpus: Sequence[str], renames: Mapping[str, str], named: Mapping[str, str]
) -> None:
    present = {caseless(label): label for label in named}
    for old, new in renames.items():
        one_of("--map, a label of the corpus or the model", old, present)
        if new:
            one_of(f"--map, what {present[old]} counts as", new, dict.fromkeys(named[label] for label in model))


def _allowed(
    model: Sequence[str], corpus: Sequence[str], label_set: str, named: Mapping[str, str]
) -> Mapping[str, str]:
    """The tested label of each renamed one."""
    own = {named[label]: named[label] for label in model if named[label]}
    if label_set == "own":
        return own
    if label_set == "shared":
        there = {named[label] for label in corpus}
        return {name: name for name in own if name in there}
    table = labels.SETS[label_set]
    return {name: table[word] for name in named.values() if (word := labels.common(name)) in table}


def _answers(model: Sequence[str], tested: Mapping[str, str]) -> str:
    """A sentence on labels of the model that are merged, renamed or not answered."""
    parts = collections.defaultdict(list)
    for label in model:
        parts[tested[label]].append(label)
    gone = parts.pop("", [])
    joined = [f"{' and '.join(old)} as {new}" for new, old in parts.items() if old != [new]]
    return " ".join(
        [
            *([f"The model's probabilities of these labels are summed: {'; '.join(joined)}."] if joined else []),
            *([f"The model is not asked for {', '.join(gone)}: its other probabilities make up 1."] if gone else []),
        ]
    )
