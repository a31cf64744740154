"""Checks a split for leaks between training, validation and test."""

import numpy as np
from jaxtyping import Int

from voxjax.data.manifest import Manifest
from voxjax.data.splits import PAIRS, PROTOCOLS, Indices, Split, Trait
from voxjax.errors import VoxJaxError, mismatch

_CONTENT = (  # what every protocol separates
    Trait("clip", lambda clip: clip.clip_id, PAIRS),
    Trait("audio", lambda clip: clip.recording_id, PAIRS),
)


class LeakError(VoxJaxError):
    """Subsets have something in common that must be separate."""


def check(manifest: Manifest, split: Split) -> None:
    """Checks that no clip, audio or trait that the protocol separates, such as speakers, is in two subsets.

    Recordings are compared by their samples and, where the manifest has them, by fingerprints; speakers as people,
    who are one in all corpora that they speak in.

    Raises:
        LeakError: with what two subsets have in common.
        VoxJaxError: if a subset is empty.
    """
    subsets = {"train": split.train, "valid": split.valid, "test": split.test}
    for name, subset in subsets.items():
        if not len(subset):
            what = f"protocol {split.protocol}, fold {split.fold}, {name} subset"
            raise VoxJaxError(mismatch(what, "at least one clip", "none", "use more clips or another protocol"))
    protocol = PROTOCOLS[split.protocol]
    for first, second in protocol.pairs:
        clips = [[manifest.clips[i] for i in subsets[name]] for name in (first, second)]
        for trait in (*_CONTENT, *protocol.separated):
            if (first, second) in trait.pairs:
                values = ({trait.value(clip): clip.path for clip in each} for each in clips)
                _check_disjoint(trait.name, (first, second), *values)


def check_enrolled(manifest: Manifest, split: Split, enrolled: Indices, tested: Indices) -> None:
    """Checks the clips that enrol a person: test clips of that person alone, none of which is tested on.

    Such clips, without their labels, are all of a test speaker that a model may use (protocol `enrolled`).

    Args:
        manifest, split: of the fold.
        enrolled, tested: indices of clips.

    Raises:
        LeakError: with the clips that are on the wrong side.
    """
    names = ("enrolled", "tested")
    both = ([manifest.clips[i] for i in enrolled], [manifest.clips[i] for i in tested])
    for trait in _CONTENT:
        _check_disjoint(trait.name, names, *({trait.value(c): c.path for c in each} for each in both))
    voices = {clip.voice for clip in both[1]}
    strangers = [clip.path for clip in both[0] if clip.voice not in voices]
    outside = [manifest.clips[i].path for i in (*enrolled, *tested) if i not in set(split.test.tolist())]
    for what, wrong in (("of another person", strangers), ("outside the test subset", outside)):
        if wrong:
            found = f"{len(wrong)} {what}, such as {wrong[0]}"
            raise LeakError(mismatch("enrolled clips", "test clips of the tested person", found, "draw them again"))


def check_adapted(manifest: Manifest, split: Split, adapted: Indices, tested: Indices) -> None:
    """Checks the clips that give the statistics of a test corpus: test clips, and none or all of those tested.

    Such clips, without their labels, are all of a test corpus that a model may use (protocol `adapted`).

    Args:
        manifest, split: of the fold.
        adapted, tested: indices of clips.

    Raises:
        LeakError: with the clips that are on the wrong side.
    """
    outside = [manifest.clips[i].path for i in np.setdiff1d(np.union1d(adapted, tested), split.test)]
    if outside:
        found = f"{len(outside)} outside the test subset, such as {outside[0]}"
        raise LeakError(mismatch("clips that a model is adapted to", "test clips", found, "draw them again"))
    if not np.array_equal(adapted, tested):
        both = ([manifest.clips[i] for i in adapted], [manifest.clips[i] for i in tested])
        for trait in _CONTENT:
            parts = ({trait.value(clip): clip.path for clip in each} for each in both)
            _check_disjoint(trait.name, ("adapted", "tested"), *parts)


def check_fitted_on_train(fitted: Int[np.ndarray, " fitted"], split: Split) -> None:
    """Checks that statistics, such as a scaler or class weights, are fitted on training clips only.

    Args:
        fitted: indices of the clips that are used.
        split: the split.

    Raises:
        LeakError: with the number of clips outside the training subset.
    """
    outside = np.setdiff1d(fitted, split.train)
    if len(outside):
        found = f"{len(outside)} outside them, such as clip {outside[0]}"
        raise LeakError(mismatch("fitted statistics", "training clips only", found, "fit them on split.train"))


def _check_disjoint(what: str, subsets: tuple[str, str], a: dict[str, str], b: dict[str, str]) -> None:
    shared = sorted(a.keys() & b.keys())
    if shared:
        found = f"{len(shared)}: " + ", ".join(f"{a[key]} = {b[key]}" for key in shared[:3])
        do = "keep them in one subset"
        raise LeakError(mismatch(" and ".join(subsets) + " subset", f"no {what} in common", found, do))
