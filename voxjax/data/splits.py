"""Which clips train, choose and test, for each protocol."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from sklearn.model_selection import StratifiedKFold, train_test_split

from voxjax.config import in_range, one_of
from voxjax.data.manifest import Manifest, duplicates
from voxjax.errors import VoxJaxError, mismatch

# Actors of each test fold of RAVDESS: Luna-Jimenez et al. 2021/2022, and EmoBox (Ma et al. 2024).
SPEAKER5 = ((2, 5, 14, 15, 16), (3, 6, 7, 13, 18), (10, 11, 12, 19, 20), (8, 17, 21, 23, 24), (1, 4, 9, 22))
SPEAKER6 = (
    (1, 11, 20, 21), (4, 10, 12, 14), (8, 9, 19, 23), (3, 5, 7, 24), (2, 15, 16, 18), (6, 13, 17, 22),
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Split:
    """Sorted indices into the manifest, int64."""

    train: np.ndarray
    valid: np.ndarray
    test: np.ndarray
    protocol: str
    fold: int


class Protocol(NamedTuple):
    """`test(manifest)` gives the fold whose test side holds each clip: int `[clips]`."""

    folds: int
    by_speaker: int
    test: Callable[[Manifest], np.ndarray]


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
        if len(people) < len(actors) or any(speaker.endswith("unknown") for _, _, speaker in people):
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


PROTOCOLS = {
    "random5": Protocol(5, 0, random5),
    "guide": Protocol(5, 0, random5),  # of copies that were made before: it leaks, and is kept to show that
    "speaker5": Protocol(5, 1, by_speaker(SPEAKER5)),
    "speaker6": Protocol(6, 1, by_speaker(SPEAKER6)),
}


def split(manifest: Manifest, protocol: str, fold: int, valid_share: float, seed: int) -> Split:
    """One fold of a protocol, with validation cut from its training side.

    Args:
        manifest: the corpus.
        protocol: a name in `PROTOCOLS`.
        fold: from 0.
        valid_share: share of the training side that is held out to choose by: clips, stratified by
            emotion, or whole speakers, where the protocol is by speaker.
        seed: draws the validation side; the test side does not depend on it.

    Raises:
        UsageError: at an unknown protocol or fold.
        VoxJaxError: at too few clips or speakers.
    """
    one_of("config.protocol", protocol, PROTOCOLS)
    rule = PROTOCOLS[protocol]
    in_range("config.fold", fold, 0, rule.folds - 1)
    folds = rule.test(manifest)
    test, rest = np.flatnonzero(folds == fold), np.flatnonzero(folds != fold)
    cut = _valid_speakers if rule.by_speaker else _valid_clips
    valid = cut(manifest, rest, valid_share, seed)
    return Split(np.setdiff1d(rest, valid), valid, test, protocol, fold)


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
