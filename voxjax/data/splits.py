"""Which clips train, choose and test, for each protocol."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from sklearn.model_selection import StratifiedKFold, train_test_split

from voxjax.config import in_range, one_of
from voxjax.data.manifest import Clip, Manifest, duplicates
from voxjax.errors import VoxJaxError, mismatch

# Actors of each test fold of RAVDESS: Luna-Jimenez et al. 2021/2022, and EmoBox (Ma et al. 2024).
SPEAKER5 = ((2, 5, 14, 15, 16), (3, 6, 7, 13, 18), (10, 11, 12, 19, 20), (8, 17, 21, 23, 24), (1, 4, 9, 22))
SPEAKER6 = (
    (1, 11, 20, 21), (4, 10, 12, 14), (8, 9, 19, 23), (3, 5, 7, 24), (2, 15, 16, 18), (6, 13, 17, 22),
)  # fmt: skip


PAIRS = (("train", "valid"), ("train", "test"), ("valid", "test"))

_FEWEST_SPEAKERS = 4  # below that, holding out a whole speaker costs too much


@dataclasses.dataclass(frozen=True)
class Split:
    """Sorted indices into the manifest, int64."""

    train: np.ndarray
    valid: np.ndarray
    test: np.ndarray
    protocol: str
    fold: int


class Trait(NamedTuple):
    """What two sides may not have in common."""

    name: str
    of: Callable[[Clip], str]
    pairs: tuple[tuple[str, str], ...]  # the sides that are kept apart by it


class Protocol(NamedTuple):
    """How a corpus is divided. `sides(manifest, fold)` gives the test clips, and those left to learn from."""

    folds: int
    sides: Callable[[Manifest, int], tuple[np.ndarray, np.ndarray]]
    cut: Callable[[Manifest, np.ndarray, float, int], np.ndarray]  # validation clips of those left
    apart: tuple[Trait, ...]  # what sides may not share beside clips and audio
    pairs: tuple[tuple[str, str], ...] = PAIRS  # sides that may not share a clip


def random5(manifest: Manifest) -> np.ndarray:
    """Five stratified folds over files, shuffled with seed 0: the same speakers on all sides."""
    fewest = int(np.bincount(manifest.targets).min())
    if fewest < 5:
        label = manifest.labels[int(np.bincount(manifest.targets).argmin())]
        do = "add clips or leave the label out"
        raise VoxJaxError(mismatch("protocol random5", "at least 5 clips a label", f"{fewest} of '{label}'", do))
    folds = np.zeros(len(manifest), int)
    splitter = StratifiedKFold(5, shuffle=True, random_state=0)
    for fold, (_, test) in enumerate(splitter.split(folds, manifest.targets)):
        folds[test] = fold
    for group in duplicates(manifest.clips):  # the same audio stays on one side
        folds[group] = folds[group[0]]
    return folds


def by_speaker(actors: Sequence[Sequence[int]]) -> Callable[[Manifest], np.ndarray]:
    """Folds of unheard speakers: RAVDESS's published ones, for other speakers dealt out in turn.

    Speakers that no published fold names are sorted by gender and name and dealt to the folds one by
    one, so that each fold has a like share of each gender.
    """
    published = {f"Actor_{actor:02d}": fold for fold, group in enumerate(actors) for actor in group}

    def test(manifest: Manifest) -> np.ndarray:
        folds = {}
        people = sorted({(c.gender, c.corpus, c.speaker) for c in manifest.clips})
        if len(people) < len(actors) or not all(clip.has_known_speaker for clip in manifest.clips):
            found = f"{len(people)}: " + ", ".join(speaker for _, _, speaker in people[:4])
            do = "name speakers by subfolders LABEL/SPEAKER/, or use --config.protocol=random5"
            raise VoxJaxError(mismatch("protocol by speaker", f"at least {len(actors)} known speakers", found, do))
        others = 0
        for _, corpus, speaker in people:
            name = speaker.removeprefix(f"{corpus}/")
            if corpus == "ravdess" and name in published:
                folds[speaker] = published[name]
            else:
                folds[speaker] = others % len(actors)
                others += 1
        return np.array([folds[speaker] for speaker in manifest.speakers])

    return test


def speaker_statement(manifest: Manifest, fold: int) -> tuple[np.ndarray, np.ndarray]:
    """Fold `2 s + t`: speakers of `speaker5`'s fold `s` saying half `t` of the sentences, against others saying others.

    Clips that share the speaker or the sentence with the test side belong to neither.
    """
    statements = sorted({clip.statement for clip in manifest.clips})
    if len(statements) < 2 or "" in statements:
        found = ", ".join(statement or "none" for statement in statements[:4])
        do = "use --config.protocol=speaker5"
        raise VoxJaxError(mismatch("protocol speaker_statement", "a statement for each clip, two or more", found, do))
    half = {statement: i * 2 // len(statements) for i, statement in enumerate(statements)}
    said = np.array([half[clip.statement] for clip in manifest.clips])
    mine = by_speaker(SPEAKER5)(manifest) == fold // 2
    return np.flatnonzero(mine & (said == fold % 2)), np.flatnonzero(~mine & (said != fold % 2))


def across_corpora(manifest: Manifest, fold: int) -> tuple[np.ndarray, np.ndarray]:
    """The corpus whose clips come last is tested, all others are learnt from."""
    del fold
    last = np.array([clip.corpus == manifest.clips[-1].corpus for clip in manifest.clips])
    if last.all():
        do = "name another corpus with --config.test_corpus"
        raise VoxJaxError(mismatch("protocol corpus", "at least two corpora", manifest.clips[-1].corpus, do))
    return np.flatnonzero(last), np.flatnonzero(~last)


def everything(manifest: Manifest, fold: int) -> tuple[np.ndarray, np.ndarray]:
    """No test side: the model to give away, once other protocols have said how good its like is."""
    del fold
    return np.zeros(0, np.int64), np.arange(len(manifest))


def _dealt(folds: Callable[[Manifest], np.ndarray]) -> Callable[[Manifest, int], tuple[np.ndarray, np.ndarray]]:
    """Sides where each clip is tested in one fold and learnt from in all others."""

    def sides(manifest: Manifest, fold: int) -> tuple[np.ndarray, np.ndarray]:
        test = folds(manifest) == fold
        return np.flatnonzero(test), np.flatnonzero(~test)

    return sides


def split(manifest: Manifest, protocol: str, fold: int, valid_fraction: float, seed: int) -> Split:
    """One fold of a protocol, with validation cut from its training side.

    A protocol without a test side has its validation clips there too, which shows that training worked, and no more.

    Args:
        manifest: the corpus.
        protocol: a name in `PROTOCOLS`.
        fold: from 0.
        valid_fraction: share of the training side that is held out to choose by: clips, stratified by
            emotion, or whole speakers, where the protocol is by speaker.
        seed: draws the validation side; the test side does not depend on it.

    Raises:
        UsageError: at an unknown protocol or fold.
        VoxJaxError: at too few clips or speakers.
    """
    one_of("config.protocol", protocol, PROTOCOLS)
    rule = PROTOCOLS[protocol]
    in_range("config.fold", fold, 0, rule.folds - 1)
    test, rest = rule.sides(manifest, fold)
    valid = rule.cut(manifest, rest, valid_fraction, seed)
    return Split(np.setdiff1d(rest, valid), valid, test if len(test) else valid, protocol, fold)


def _valid_clips(manifest: Manifest, rest: np.ndarray, share: float, seed: int) -> np.ndarray:
    """Sorted indices of a stratified share of the clips; of equal files none or all."""
    labels = manifest.targets[rest]
    size = max(len(np.unique(labels)), round(share * len(rest)))
    _, valid = train_test_split(rest, test_size=size, stratify=labels, random_state=seed)
    chosen = set(valid.tolist())
    for group in duplicates(manifest.clips):
        if group[0] in chosen:
            chosen |= set(group) & set(rest.tolist())
        else:
            chosen -= set(group)
    return np.array(sorted(chosen), np.int64)


def _valid_speakers(manifest: Manifest, rest: np.ndarray, share: float, seed: int) -> np.ndarray:
    """Sorted indices of all clips of some speakers, of each gender in turn."""
    random = np.random.default_rng(seed)
    people = sorted({(manifest.clips[i].gender, manifest.clips[i].speaker) for i in rest})
    count = max(1, round(share * len(people)))
    groups = [[s for g, s in people if g == gender] for gender in sorted({g for g, _ in people})]
    queues = [list(random.permutation(group)) for group in groups]
    order = [queue[i] for i in range(len(people)) for queue in queues if i < len(queue)]
    chosen = set(order[:count])
    return np.array([i for i in rest if manifest.clips[i].speaker in chosen], np.int64)


def _valid_either(manifest: Manifest, rest: np.ndarray, share: float, seed: int) -> np.ndarray:
    """Whole speakers where there are enough known ones, else clips."""
    clips = [manifest.clips[i] for i in rest]
    people = {clip.speaker for clip in clips}
    enough = len(people) >= _FEWEST_SPEAKERS and all(clip.has_known_speaker for clip in clips)
    return (_valid_speakers if enough else _valid_clips)(manifest, rest, share, seed)


_SPEAKER = Trait("speaker", lambda clip: clip.speaker, PAIRS)
_STATEMENT = Trait("statement", lambda clip: clip.statement, PAIRS[1:])
_CORPUS = Trait("corpus", lambda clip: clip.corpus, PAIRS[1:])

PROTOCOLS = {
    "random5": Protocol(5, _dealt(random5), _valid_clips, ()),
    "guide": Protocol(5, _dealt(random5), _valid_clips, ()),  # of copies made before: its leak, kept to show it
    "speaker5": Protocol(5, _dealt(by_speaker(SPEAKER5)), _valid_speakers, (_SPEAKER,)),
    "speaker6": Protocol(6, _dealt(by_speaker(SPEAKER6)), _valid_speakers, (_SPEAKER,)),
    "speaker_statement": Protocol(10, speaker_statement, _valid_speakers, (_SPEAKER, _STATEMENT)),
    "corpus": Protocol(1, across_corpora, _valid_either, (_CORPUS,)),
    "all": Protocol(1, everything, _valid_either, (), PAIRS[:2]),
}
