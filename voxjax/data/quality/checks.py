"""What may be wrong with a corpus: one function a check, each naming the clips, labels or speakers it means."""

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
from voxjax.data.quality.clip_measurements import Sound

_SILENT_DB = -70.0  # of full scale: below the hiss of a quiet room through a microphone
_SHORT_S = 0.4  # a syllable or two; emotion is heard over words
_CLIPPED_SHARE = 0.001  # of samples; single peaks at full scale do no harm
_FEW_SHARE = 0.5  # a label below this share of the commonest is called rare


class Finding(NamedTuple):
    """One thing that needs a look."""

    check: str
    severity: str  # error: would spoil training or figures; warning: look; note: know
    what: str  # a path, a label, a speaker, or pairs of paths
    detail: str


class Corpus(NamedTuple):
    """A corpus as read."""

    manifest: Manifest
    sounds: Mapping[int, Sound]  # by place in the manifest
    broken: Mapping[str, str]  # reason by path

    def path(self, i: int) -> str:
        """Of one clip."""
        return self.manifest.clips[i].path


class Check(NamedTuple):
    """A check, and what to do about what it finds."""

    find: Callable[[Corpus], Iterator[tuple[str, str]]]  # of (what, detail)
    severity: str
    title: str
    do: str


def broken(corpus: Corpus) -> Iterator[tuple[str, str]]:
    """Files that can't be read."""
    yield from corpus.broken.items()


def silent(corpus: Corpus) -> Iterator[tuple[str, str]]:
    """Clips without sound."""
    for i, sound in corpus.sounds.items():
        if sound.level_db < _SILENT_DB:
            yield corpus.path(i), f"level {sound.level_db:.0f} dB of full scale"


def short(corpus: Corpus) -> Iterator[tuple[str, str]]:
    """Clips too short to hear an emotion in."""
    for i, sound in corpus.sounds.items():
        if sound.duration_s < _SHORT_S:
            yield corpus.path(i), f"{sound.duration_s:.2f} s"


def clipped(corpus: Corpus) -> Iterator[tuple[str, str]]:
    """Clips whose peaks were cut off."""
    for i, sound in corpus.sounds.items():
        if sound.clipped_share > _CLIPPED_SHARE:
            yield corpus.path(i), f"{sound.clipped_share:.1%} of samples at full scale"


def same_samples(corpus: Corpus) -> Iterator[tuple[str, str]]:
    """Groups of clips with equal samples, whatever their files' formats; and whether their labels agree."""
    for group in _same(corpus):
        yield " = ".join(corpus.path(i) for i in group), _agreement(corpus, group)


def same_sound(corpus: Corpus) -> Iterator[tuple[str, str]]:
    """Pairs that hold the same recording at another gain, in another format, cut or padded."""
    known = {i for group in _same(corpus) for i in group[1:]}
    places = [i for i in corpus.sounds if i not in known]
    for match in fingerprint.matches([corpus.sounds[i].fingerprint for i in places]):
        pair = [places[match.first], places[match.second]]
        detail = f"{match.error_rate:.0%} of fingerprint bits differ, {match.delay_s:+.2f} s apart"
        yield " ~ ".join(corpus.path(i) for i in pair), f"{detail}; {_agreement(corpus, pair)}"


def named_otherwise(corpus: Corpus) -> Iterator[tuple[str, str]]:
    """Clips whose own file name speaks of another emotion than their label."""
    for clip in corpus.manifest.clips:
        said = _said(clip.path)
        if said and said != labels.common(clip.emotion):
            yield clip.path, f"labelled '{clip.emotion}', named '{said}'"


def rare_labels(corpus: Corpus) -> Iterator[tuple[str, str]]:
    """Labels with far fewer clips than the commonest."""
    counts = collections.Counter(clip.emotion for clip in corpus.manifest.clips)
    most = max(counts.values())
    for name, count in sorted(counts.items()):
        if count < _FEW_SHARE * most:
            yield name, f"{count} clips, the commonest label has {most}"


def lone_labels(corpus: Corpus) -> Iterator[tuple[str, str]]:
    """Known speakers all of whose clips have one label: the voice gives it away."""
    by_speaker = _labels_by_speaker(corpus)
    for speaker, counts in sorted(by_speaker.items()):
        if len(counts) == 1 and sum(counts.values()) > 1:
            ((label, count),) = counts.items()
            yield speaker, f"all {count} clips are '{label}'"


def missing_labels(corpus: Corpus) -> Iterator[tuple[str, str]]:
    """Known speakers who lack labels that others have."""
    for speaker, counts in sorted(_labels_by_speaker(corpus).items()):
        lacking = [label for label in corpus.manifest.labels if label not in counts]
        if lacking and len(counts) > 1:
            yield speaker, f"no clip of {', '.join(lacking)}"


def level_tells(corpus: Corpus) -> Iterator[tuple[str, str]]:
    """Whether the level alone tells the label."""
    yield from _telling(corpus, "level", lambda sound: sound.level_db)


def duration_tells(corpus: Corpus) -> Iterator[tuple[str, str]]:
    """Whether the duration alone tells the label."""
    yield from _telling(corpus, "duration", lambda sound: float(np.log(sound.duration_s)))


def _telling(corpus: Corpus, name: str, of: Callable[[Sound], float]) -> Iterator[tuple[str, str]]:
    places = list(corpus.sounds)
    clips = [corpus.manifest.clips[i] for i in places]
    told = shortcut_probe.uar(
        np.array([of(corpus.sounds[i]) for i in places]), [c.emotion for c in clips], [c.speaker for c in clips]
    )
    if told is not None and told.uar > told.chance + shortcut_probe.ENOUGH:
        yield name, f"alone gives {told.uar:.0%} UAR on unheard speakers or clips (chance {told.chance:.0%})"


def _same(corpus: Corpus) -> list[list[int]]:
    groups: dict[str, list[int]] = {}
    for i, sound in corpus.sounds.items():
        groups.setdefault(sound.digest, []).append(i)
    return [group for group in groups.values() if len(group) > 1]


def _agreement(corpus: Corpus, group: Sequence[int]) -> str:
    told = sorted({corpus.manifest.clips[i].emotion for i in group})
    return f"all labelled '{told[0]}'" if len(told) == 1 else "labels differ: " + ", ".join(told)


def _labels_by_speaker(corpus: Corpus) -> dict[str, collections.Counter[str]]:
    found: dict[str, collections.Counter[str]] = collections.defaultdict(collections.Counter)
    for clip in corpus.manifest.clips:
        if clip.has_known_speaker:
            found[clip.speaker][clip.emotion] += 1
    return found


def _said(path: str) -> str:
    """The one emotion that a file's own name speaks of, in words or in RAVDESS's code; "" where none or several."""
    stem = path.rsplit("/", 1)[-1].rsplit(".", 1)[0]
    if told := ravdess.emotion(stem):
        return told
    words = {labels.common(word) for word in re.split(r"[^a-z]+", stem.lower())}
    known = words & set(labels.EMOTIONS)
    return known.pop() if len(known) == 1 else ""


_SEE = "listen to them; leave out or relabel what is wrong"
# In the order of the report. A new check is a function and a row.
CHECKS: dict[str, Check] = {
    "broken": Check(broken, "error", "can't be read", "fetch or export these files again, or remove them"),
    "silent": Check(silent, "error", "without sound", "remove them, or record them again"),
    "same_samples": Check(
        same_samples, "warning", "the same recording twice", "keep one; splits keep equal ones on one side"
    ),
    "same_sound": Check(
        same_sound, "error", "nearly the same recording", "keep one: on two sides of a split they leak"
    ),
    "named_otherwise": Check(named_otherwise, "warning", "named for another emotion than their label", _SEE),
    "short": Check(short, "warning", "too short", "cut clips of a second or more"),
    "clipped": Check(clipped, "warning", "clipped", "record at a lower level"),
    "lone_labels": Check(
        lone_labels, "warning", "speakers with one label only", "use a protocol by speaker: the voice tells the label"
    ),
    "missing_labels": Check(missing_labels, "note", "speakers who lack labels", "know it when reading their figures"),
    "rare_labels": Check(rare_labels, "warning", "rare labels", "add clips, or set --config.class_balance=1"),
    "level_tells": Check(
        level_tells,
        "note",
        "the level tells the label",
        "with other microphones in mind set --config.features.level=peak",
    ),
    "duration_tells": Check(
        duration_tells, "note", "the duration tells the label", "see that clips were cut alike whatever their label"
    ),
}


def all_of(corpus: Corpus) -> list[Finding]:
    """What all checks find, in their order."""
    return [
        Finding(name, check.severity, what, detail)
        for name, check in CHECKS.items()
        for what, detail in check.find(corpus)
    ]
