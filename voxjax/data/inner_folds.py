"""Folds within the training clips of a split, by which values of a model are chosen without its test clips."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Int

from voxjax.data import splits
from voxjax.data.manifest import Manifest, duplicates

FOLDS = 4


def divide(manifest: Manifest, split: splits.Split) -> list[splits.Split]:
    """Folds of the training and validation clips, each validated once: by speaker where the protocol is.

    Speakers of each gender are dealt out in turn, so that folds are alike; under other protocols clips of each label
    are. Duplicates stay in one fold. No fold has test clips.

    Args:
        manifest: the corpus.
        split: the outer one.
    """
    clips = np.union1d(split.train, split.valid)
    by_speaker = any(trait.name == "speaker" for trait in splits.PROTOCOLS[split.protocol].separated)
    group = _of_speakers(manifest, clips) if by_speaker else _of_labels(manifest, clips)
    folds = [i for i in range(FOLDS) if 0 < np.sum(group == i) < len(clips)]
    return [_split(clips[group != i], clips[group == i], split) for i in folds]


def _of_speakers(manifest: Manifest, clips: Int[np.ndarray, " clips"]) -> Int[np.ndarray, " clips"]:
    people = sorted({(manifest.clips[i].gender, manifest.clips[i].voice) for i in clips})
    place = {voice: i % FOLDS for i, voice in enumerate(dict.fromkeys(voice for _, voice in people))}
    return np.array([place[manifest.clips[i].voice] for i in clips])


def _of_labels(manifest: Manifest, clips: Int[np.ndarray, " clips"]) -> Int[np.ndarray, " clips"]:
    order = np.random.default_rng(0).permutation(len(clips))
    dealt = order[np.argsort(manifest.targets[clips][order], kind="stable")]
    group = np.empty(len(clips), int)
    group[dealt] = np.arange(len(clips)) % FOLDS
    place = {int(clip): i for i, clip in enumerate(clips)}
    for same in duplicates(manifest.clips):
        own = [place[i] for i in same if i in place]
        if own:
            group[own] = group[own[0]]
    return group


def _split(train: Sequence[int] | np.ndarray, valid: np.ndarray, outer: splits.Split) -> splits.Split:
    return splits.Split(np.asarray(train), valid, valid[:0], outer.protocol, outer.fold)
