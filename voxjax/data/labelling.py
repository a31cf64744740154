"""Labels of clips for training and testing: truths and label sets, with counts of renamed and omitted clips."""

import collections
import dataclasses
from collections.abc import Callable
from typing import NamedTuple

from voxjax import labels
from voxjax.config import one_of
from voxjax.data.manifest import Clip, Manifest
from voxjax.errors import UsageError, VoxJaxError, mismatch
from voxjax.names import caseless


class Choice(NamedTuple):
    """The config values that select the labels."""

    labels: str  # a name in `SETS`
    truth: str  # a name in `TRUTHS`


def intended(clip: Clip) -> str:
    """The emotion that the speaker was asked to express."""
    return clip.emotion


def perceived(clip: Clip) -> str:
    """The emotion that most listeners perceived; empty at a tie or without votes."""
    ranked = sorted(((count, emotion) for emotion, count in clip.vote_counts.items()), reverse=True)
    if not ranked or (len(ranked) > 1 and ranked[0][0] == ranked[1][0]):
        return ""
    return ranked[0][1]


TRUTHS: dict[str, Callable[[Clip], str]] = {"intended": intended, "perceived": perceived}


def _own(manifest: Manifest) -> dict[str, str]:
    """Each label as it is.

    Raises:
        VoxJaxError: at labels that differ in case alone: they would be trained as two classes.
    """
    spelt: dict[str, str] = {}
    for label in manifest.labels:
        if (known := spelt.setdefault(caseless(label), label)) != label:
            do = "write them in one way, or use --config.labels=shared, which ignores case"
            raise VoxJaxError(mismatch("labels", "one spelling of each", f"'{known}' and '{label}'", do))
    return {label: label for label in manifest.labels}


def _shared(manifest: Manifest) -> dict[str, str]:
    """Labels that all corpora have, by their common names."""
    by_corpus = collections.defaultdict(set)
    for clip in manifest.clips:
        by_corpus[clip.corpus].add(labels.common(clip.emotion))
    everywhere = set.intersection(*by_corpus.values())
    if len(everywhere) < 2:
        found = "; ".join(f"{corpus}: {', '.join(labels.ordered(names))}" for corpus, names in by_corpus.items())
        do = "use --config.labels=four, or rename the labels of your own corpus"
        raise VoxJaxError(mismatch("labels", "at least two that all corpora have", found, do))
    words = {label: labels.common(label) for label in manifest.labels}
    return {label: word if word in everywhere else "" for label, word in words.items()}


def _table(name: str) -> Callable[[Manifest], dict[str, str]]:
    def mapping(manifest: Manifest) -> dict[str, str]:
        table = labels.SETS[name]
        words = {label: labels.common(label) for label in manifest.labels}
        return {label: table[word] if word in table else "" for label, word in words.items()}

    return mapping


# From each label of a manifest to the new label; clips with an empty one are left out.
SETS: dict[str, Callable[[Manifest], dict[str, str]]] = {
    "own": _own,
    "shared": _shared,
    **{name: _table(name) for name in labels.SETS},
}


def relabelled(manifest: Manifest, choice: Choice) -> Manifest:
    """The clips that have a label under this choice, with that label, and notes on renamed and omitted labels.

    Raises:
        UsageError: at an unknown choice.
        VoxJaxError: where fewer than two labels remain.
    """
    one_of("config.labels", choice.labels, SETS)
    one_of("config.truth", choice.truth, TRUTHS)
    truth = TRUTHS[choice.truth]
    with_truth = [dataclasses.replace(clip, emotion=truth(clip)) for clip in manifest.clips]
    kept = [clip for clip in with_truth if clip.emotion]
    notes = [*manifest.notes, *_unlabelled(with_truth, choice.truth)]
    if not kept and choice.truth != "intended":
        do = "fetch CREMA-D's processedResults/tabulatedVotes.csv, or use --config.truth=intended"
        raise UsageError(mismatch("config.truth=perceived", "clips with listeners' votes", "none", do))
    table = SETS[choice.labels](Manifest(manifest.root, tuple(kept)))
    clips = tuple(dataclasses.replace(clip, emotion=table[clip.emotion]) for clip in kept if table[clip.emotion])
    notes += _changed(kept, table, choice.labels)
    if len({clip.emotion for clip in clips}) < 2:
        found = f"{len(clips)} clips of {', '.join({clip.emotion for clip in clips}) or 'none'}"
        do = "choose another --config.labels, or add clips"
        raise VoxJaxError(mismatch(f"labels '{choice.labels}'", "clips of at least two", found, do))
    return Manifest(manifest.root, clips, tuple(notes))


def _unlabelled(clips: list[Clip], truth: str) -> list[str]:
    """Notes with the number of clips without a label in each corpus."""
    counts = collections.Counter(clip.corpus for clip in clips if not clip.emotion)
    why = {"intended": "without an agreed label", "perceived": "without votes, or with a tie"}[truth]
    return [f"{corpus}: {count} clips {why} are left out." for corpus, count in sorted(counts.items())]


def _changed(clips: list[Clip], table: dict[str, str], name: str) -> list[str]:
    """Notes on renamed labels and on labels left out, with counts of clips."""
    counts = collections.Counter(clip.emotion for clip in clips)
    renamed = [f"{a} to {b} ({counts[a]})" for a, b in table.items() if b and a != b]
    gone = [f"{a} ({counts[a]})" for a, b in table.items() if not b]
    notes = [f"Labels '{name}', renamed: {', '.join(renamed)}."] if renamed else []
    return notes + ([f"Labels '{name}', left out: {', '.join(gone)}."] if gone else [])
