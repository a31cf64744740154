"""Refuses a split that leaks, and names the clips."""

import numpy as np

from voxjax.data.manifest import Manifest
from voxjax.data.splits import PROTOCOLS, Split
from voxjax.errors import VoxJaxError, mismatch


class LeakError(VoxJaxError):
    """Test or validation clips would be known in training."""


def check(manifest: Manifest, split: Split) -> None:
    """Checks that the sides share no clip, no audio, and nothing that the protocol keeps apart, as speakers.

    Raises:
        LeakError: naming what is shared.
    """
    sides = {"train": split.train, "valid": split.valid, "test": split.test}
    for name, side in sides.items():
        if not len(side):
            raise LeakError(mismatch(f"{name} side", "at least one clip", "none", "use more clips"))
    for first, second in PROTOCOLS[split.protocol].pairs:
        a, b = ([manifest.clips[i] for i in sides[name]] for name in (first, second))
        _refuse("clip", first, second, {c.clip_id: c.path for c in a}, {c.clip_id: c.path for c in b})
        _refuse("audio", first, second, {c.content_hash: c.path for c in a}, {c.content_hash: c.path for c in b})
        for trait in PROTOCOLS[split.protocol].apart:
            if (first, second) in trait.pairs:
                _refuse(trait.name, first, second, *({trait.of(c): c.path for c in side} for side in (a, b)))


def fitted_on_train(fitted: np.ndarray, split: Split) -> None:
    """Checks that statistics were fitted on training clips alone.

    Args:
        fitted: indices of the clips that were used.
        split: the split.

    Raises:
        LeakError: naming the count of others.
    """
    others = np.setdiff1d(fitted, split.train)
    if len(others):
        found = f"{len(others)} others, as clip {others[0]}"
        raise LeakError(mismatch("scaler", "training clips alone", found, "fit it on split.train"))


def _refuse(what: str, first: str, second: str, a: dict[str, str], b: dict[str, str]) -> None:
    shared = sorted(a.keys() & b.keys())
    if shared:
        found = f"{len(shared)}: " + ", ".join(f"{a[key]} = {b[key]}" for key in shared[:3])
        do = "keep them on one side"
        raise LeakError(mismatch(f"{first} and {second} side", f"no {what} in common", found, do))
