"""Which label each clip trains and tests with; what is renamed or left out is counted, never silent."""

import collections
import dataclasses
from collections.abc import Callable
from typing import NamedTuple

from voxjax import labels
from voxjax.config import one_of
from voxjax.data.manifest import Clip, Manifest
from voxjax.errors import UsageError, VoxJaxError, mismatch


class Choice(NamedTuple):
    """The values of a config that decide on labels."""

    labels: str  # a name in `SETS`
    truth: str  # a name in `TRUTHS`


def intended(clip: Clip) -> str:
    """What the speaker meant, as the corpus says."""
    return clip.emotion


def perceived(clip: Clip) -> str:
    """The emotion that most listeners perceived; empty at a tie, and without votes."""
    ranked = sorted(((count, emotion) for emotion, count in clip.vote_counts.items()), reverse=True)
    if not ranked or (len(ranked) > 1 and ranked[0][0] == ranked[1][0]):
        return ""
    return ranked[0][1]


TRUTHS: dict[str, Callable[[Clip], str]] = {"intended": intended, "perceived": perceived}


def _own(manifest: Manifest) -> dict[str, str]:
    return {label: label for label in manifest.labels}


def _shared(manifest: Manifest) -> dict[str, str]:
    """Labels that each of the corpora has, by their common words."""
    held = collections.defaultdict(set)
    for clip in manifest.clips:
        held[clip.corpus].add(labels.common(clip.emotion))
    everywhere = set.intersection(*held.values())
    if len(everywhere) < 2:
        found = "; ".join(f"{corpus}: {', '.join(labels.ordered(names))}" for corpus, names in held.items())
        do = "use --config.labels=four, or rename the labels of your own corpus"
        raise VoxJaxError(mismatch("labels", "at least two that all corpora have", found, do))
    words = {label: labels.common(label) for label in manifest.labels}
    return {label: word if word in everywhere else "" for label, word in words.items()}


def _table(name: str) -> Callable[[Manifest], dict[str, str]]:
    def becomes(manifest: Manifest) -> dict[str, str]:
        table = labels.SETS[name]
        words = {label: labels.common(label) for label in manifest.labels}
        return {label: table[word] if word in table else "" for label, word in words.items()}

    return becomes


# What each label of a manifest becomes; an empty one is left out.
SETS: dict[str, Callable[[Manifest], dict[str, str]]] = {
    "own": _own,
    "shared": _shared,
    **{name: _table(name) for name in labels.SETS},
}


def relabelled(manifest: Manifest, choice: Choice) -> Manifest:
    """The clips that have a label under this choice, with that label, and notes on what was changed.

    Raises:
        UsageError: at an unknown choice.
        VoxJaxError: where fewer than two labels remain.
    """
    one_of("config.labels", choice.labels, SETS)
    one_of("config.truth", choice.truth, TRUTHS)
    truth = TRUTHS[choice.truth]
    judged = [dataclasses.replace(clip, emotion=truth(clip)) for clip in manifest.clips]
    kept = [clip for clip in judged if clip.emotion]
    notes = [*manifest.notes, *_unlabelled(judged, choice.truth)]
    if not kept and choice.truth != "intended":
        do = "fetch CREMA-D's processedResults/tabulatedVotes.csv, or use --config.truth=intended"
        raise UsageError(mismatch("config.truth=perceived", "clips with listeners' votes", "none", do))
    whole = Manifest(manifest.root, tuple(kept))
    table = SETS[choice.labels](whole)
    clips = tuple(dataclasses.replace(clip, emotion=table[clip.emotion]) for clip in kept if table[clip.emotion])
    notes += _changed(kept, table, choice.labels)
    if len({clip.emotion for clip in clips}) < 2:
        found = f"{len(clips)} clips of {', '.join({clip.emotion for clip in clips}) or 'none'}"
        do = "choose another --config.labels, or add clips"
        raise VoxJaxError(mismatch(f"labels '{choice.labels}'", "clips of at least two", found, do))
    return Manifest(manifest.root, clips, tuple(notes))


def _unlabelled(judged: list[Clip], truth: str) -> list[str]:
    """How many clips of each corpus have no label at all."""
    counts = collections.Counter(clip.corpus for clip in judged if not clip.emotion)
    why = {"intended": "without an agreed label", "perceived": "without votes, or with a tie"}[truth]
    return [f"{corpus}: {count} clips {why} are left out." for corpus, count in sorted(counts.items())]


def _changed(clips: list[Clip], table: dict[str, str], name: str) -> list[str]:
    """One sentence on renamed labels and one on labels left out, with counts of clips."""
    counts = collections.Counter(clip.emotion for clip in clips)
    renamed = [f"{a} to {b} ({counts[a]})" for a, b in table.items() if b and a != b]
    gone = [f"{a} ({counts[a]})" for a, b in table.items() if not b]
    said = [f"Labels '{name}', renamed: {', '.join(renamed)}."] if renamed else []
    return said + ([f"Labels '{name}', left out: {', '.join(gone)}."] if gone else [])
