"""Checks of a corpus: one function per check, which yields the clips, labels or speakers with an issue."""

import collections
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from voxjax import labels
from voxjax.audio import fingerprint
from voxjax.data.corpora import ravdess
from voxjax.data.manifest import Manifest
from voxjax.data.quality import shortcut_probe
from voxjax.data.quality.clip_measurements import ClipMeasurements

_SILENT_DB = -70.0  # of full scale: below the hiss of a quiet room through a microphone
_SHORT_S = 0.4  # a syllable or two; emotion is perceived over words
_CLIPPED_FRACTION = 0.001  # of samples; single peaks at full scale are harmless
_RARE_FRACTION = 0.5  # a label with fewer clips than this fraction of the most frequent is rare


class Issue(NamedTuple):
    """One issue that a check found."""

    check: str
    severity: str  # error: training or figures are wrong; warning: check by hand; note: for interpreting figures
    what: str  # a path, a label, a speaker, or pairs of paths
    detail: str


class Corpus(NamedTuple):
    """A corpus with its measurements."""

    manifest: Manifest
    measured: Mapping[int, ClipMeasurements]  # by index in the manifest
    unreadable: Mapping[str, str]  # reason by path

    def path(self, i: int) -> str:
        """The path of the clip at an index, as valid Unicode."""
        return self.manifest.clips[i].clip_id


class Check(NamedTuple):
    """A check, and what to do about the issues that it finds."""

    find: Callable[[Corpus], Iterator[tuple[str, str]]]  # of (what, detail)
    severity: str
    title: str
    do: str


def broken(corpus: Corpus) -> Iterator[tuple[str, str]]:
    """Files that can't be read."""
    yield from corpus.unreadable.items()


def silent(corpus: Corpus) -> Iterator[tuple[str, str]]:
    """Clips of silence."""
    for i, clip in corpus.measured.items():
        if clip.level_db < _SILENT_DB:
            yield corpus.path(i), f"level {clip.level_db:.0f} dB of full scale"


def short(corpus: Corpus) -> Iterator[tuple[str, str]]:
    """Clips that are too short for an emotion to be perceived."""
    for i, clip in corpus.measured.items():
        if clip.duration_s < _SHORT_S:
            yield corpus.path(i), f"{clip.duration_s:.2f} s"


def clipped(corpus: Corpus) -> Iterator[tuple[str, str]]:
    """Clips with clipped peaks."""
    for i, clip in corpus.measured.items():
        if clip.clipped_fraction > _CLIPPED_FRACTION:
            yield corpus.path(i), f"{clip.clipped_fraction:.1%} of samples at full scale"


def exact_duplicates(corpus: Corpus) -> Iterator[tuple[str, str]]:
    """Groups of clips with equal samples in any file format, and whether their labels agree."""
    for group in _equal_samples(corpus):
        yield " = ".join(corpus.path(i) for i in group), _agreement(corpus, group)


def near_duplicates(corpus: Corpus) -> Iterator[tuple[str, str]]:
    """Pairs that hold the same recording at another gain, in another format, cut or padded."""
    exact = {i for group in _equal_samples(corpus) for i in group[1:]}
    indices = [i for i in corpus.measured if i not in exact]
    for match in fingerprint.matches([corpus.measured[i].fingerprint for i in indices]):
        pair = [indices[match.first], indices[match.second]]
        detail = f"{match.error_rate:.0%} of fingerprint bits differ, {match.delay_s:+.2f} s apart"
        yield " ~ ".join(corpus.path(i) for i in pair), f"{detail}; {_agreement(corpus, pair)}"


def name_mismatch(corpus: Corpus) -> Iterator[tuple[str, str]]:
    """Clips with a file name that contains another emotion than their label."""
    for clip in corpus.manifest.clips:
        named = _emotion_in_name(clip.path)
        if named and named != labels.common(clip.emotion):
            yield clip.clip_id, f"labelled '{clip.emotion}', named '{named}'"


def rare_labels(corpus: Corpus) -> Iterator[tuple[str, str]]:
    """Labels with far fewer clips than the most frequent one."""
    counts = collections.Counter(clip.emotion for clip in corpus.manifest.clips)
    most = max(counts.values())
    for name, count in sorted(counts.items()):
        if count < _RARE_FRACTION * most:
            yield name, f"{count} clips, the most frequent label has {most}"


def single_label_speakers(corpus: Corpus) -> Iterator[tuple[str, str]]:
    """Known speakers with one label in all their clips: the voice alone predicts it."""
    by_speaker = _labels_by_speaker(corpus)
    for speaker, counts in sorted(by_speaker.items()):
        if len(counts) == 1 and sum(counts.values()) > 1:
            ((label, count),) = counts.items()
            yield speaker, f"all {count} clips are '{label}'"


def speakers_missing_labels(corpus: Corpus) -> Iterator[tuple[str, str]]:
    """Known speakers without clips of labels that the corpus has."""
    for speaker, counts in sorted(_labels_by_speaker(corpus).items()):
        missing = [label for label in corpus.manifest.labels if label not in counts]
        if missing and len(counts) > 1:
            yield speaker, f"no clip of {', '.join(missing)}"


def level_predicts_label(corpus: Corpus) -> Iterator[tuple[str, str]]:
    """Whether the level alone predicts the label."""
    yield from _shortcut(corpus, "level", lambda clip: clip.level_db)


def duration_predicts_label(corpus: Corpus) -> Iterator[tuple[str, str]]:
    """Whether the duration alone predicts the label."""
    yield from _shortcut(corpus, "duration", lambda clip: float(np.log(clip.duration_s)))


def _shortcut(corpus: Corpus, name: str, value: Callable[[ClipMeasurements], float]) -> Iterator[tuple[str, str]]:
    clips = [corpus.manifest.clips[i] for i in corpus.measured]
    score = shortcut_probe.uar(
        np.array([value(one) for one in corpus.measured.values()]),
        [c.emotion for c in clips],
        [c.speaker for c in clips],
    )
    if score is not None and score.uar > score.chance + shortcut_probe.THRESHOLD:
        yield name, f"alone gives {score.uar:.0%} UAR on held-out speakers or clips (chance {score.chance:.0%})"


def _equal_samples(corpus: Corpus) -> list[list[int]]:
    groups: dict[str, list[int]] = {}
    for i, clip in corpus.measured.items():
        groups.setdefault(clip.samples_sha256, []).append(i)
    return [group for group in groups.values() if len(group) > 1]


def _agreement(corpus: Corpus, group: Sequence[int]) -> str:
    emotions = sorted({corpus.manifest.clips[i].emotion for i in group})
    return f"all labelled '{emotions[0]}'" if len(emotions) == 1 else "labels differ: " + ", ".join(emotions)


def _labels_by_speaker(corpus: Corpus) -> dict[str, collections.Counter[str]]:
    found: dict[str, collections.Counter[str]] = collections.defaultdict(collections.Counter)
    for clip in corpus.manifest.clips:
        if clip.has_known_speaker:
            found[clip.speaker][clip.emotion] += 1
    return found


def _emotion_in_name(path: str) -> str:
    """The emotion that a file name contains, as a word or in RAVDESS's code; "" where there is none or several."""
    stem = path.rsplit("/", 1)[-1].rsplit(".", 1)[0]
    if coded := ravdess.emotion(stem):
        return coded
    words = {labels.common(word) for word in re.split(r"[^a-z]+", stem.lower())}
    emotions = words & set(labels.EMOTIONS)
    return emotions.pop() if len(emotions) == 1 else ""


_LISTEN = "listen to them; leave out or relabel what is wrong"
# In the order of the report. A new check is a function and a row.
CHECKS: dict[str, Check] = {
    "broken": Check(broken, "error", "can't be read", "fetch or export these files again, or remove them"),
    "silent": Check(silent, "error", "without sound", "remove them, or record them again"),
    "exact_duplicates": Check(
        exact_duplicates, "warning", "the same recording twice", "keep one; splits keep equal ones in one subset"
    ),
    "near_duplicates": Check(
        near_duplicates, "error", "nearly the same recording", "keep one: in two subsets of a split they leak"
    ),
    "name_mismatch": Check(name_mismatch, "warning", "file name contains another emotion than the label", _LISTEN),
    "short": Check(short, "warning", "too short", "cut clips of a second or more"),
    "clipped": Check(clipped, "warning", "clipped", "record at a lower level"),
    "single_label_speakers": Check(
        single_label_speakers,
        "warning",
        "speakers with one label only",
        "use a protocol by speaker: the voice predicts the label",
    ),
    "speakers_missing_labels": Check(
        speakers_missing_labels, "note", "speakers without clips of some labels", "consider it when comparing speakers"
    ),
    "rare_labels": Check(rare_labels, "warning", "rare labels", "add clips, or set --config.class_balance=1"),
    "level_predicts_label": Check(
        level_predicts_label,
        "note",
        "the level predicts the label",
        "to generalise to other microphones set --config.features.level=speech",
    ),
    "duration_predicts_label": Check(
        duration_predicts_label,
        "note",
        "the duration predicts the label",
        "check that clips of all labels were cut in the same way",
    ),
}


def run_all(corpus: Corpus) -> list[Issue]:
    """The issues that all checks find, in the order of `CHECKS`."""
    return [
        Issue(name, check.severity, what, detail)
        for name, check in CHECKS.items()
        for what, detail in check.find(corpus)
    ]
