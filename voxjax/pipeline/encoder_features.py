"""Pretrained encoders at hand: where their weights lie, features made with them, and these kept on disk."""

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from voxjax.config_schema import thaw
from voxjax.data import examples
from voxjax.data.examples import Examples
from voxjax.data.manifest import Manifest
from voxjax.encoders.extractor import extractor
from voxjax.errors import VoxJaxError, mismatch
from voxjax.pipeline.encoder_weights import Encoder
from voxjax.pipeline.feature_sets import View
from voxjax.storage import atomic

_VERSION = 1


def rows(
    view: View,
    encoder: Encoder | None,
    manifest: Manifest,
    clip: Callable[[int], np.ndarray],
    cache: Path,
    report: Callable[[int], object],
) -> Examples:
    """Features of all clips and their copies; what an encoder made is kept on disk and read back the next time.

    Args:
        view: what the clips become.
        encoder: as `load` gives it.
        manifest: the clips.
        clip: gives one clip's samples.
        cache: where they are kept.
        report: told how many clips are done since it was last called.

    Raises:
        VoxJaxError: where they can't be kept.
    """

    def build() -> Examples:
        clips = [clip(i) for i in range(len(manifest))]
        ids = [one.augmentation_id for one in manifest.clips]
        extract = extractor(view.features, encoder.params if encoder else None)
        return examples.build(view.features, clips, report, view.offline_augment, ids, extract)

    if encoder is None:
        return build()
    key = [
        _VERSION,
        encoder.digest,
        {**thaw(view.features), "centre": "corpus", "tuned_blocks": 0},  # neither changes what an encoder says
        thaw(view.offline_augment),
        [one.content_hash for one in manifest.clips],
    ]
    name = hashlib.sha256(json.dumps(key).encode()).hexdigest()[:32]
    found = _read(cache / "encoded", name)
    if found is not None:
        report(len(manifest))
        return found
    made = build()
    try:
        _write(cache / "encoded", name, made)
    except OSError as error:
        do = "free some space, or set VOXJAX_CACHE to another folder"
        what = f"to keep {made.features.nbytes / 1e6:,.0f} MB of encoded clips"
        raise VoxJaxError(mismatch(str(cache / "encoded"), what, error.strerror, do)) from error
    return made


def _read(folder: Path, name: str) -> Examples | None:
    """What `_write` kept, its features mapped and not loaded; None where there is none."""
    try:
        with np.load(folder / f"{name}.npz", allow_pickle=False) as small:
            lengths, owners = small["lengths"], small["owners"]
        values = np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, KeyError):
        return None
    return Examples(values, lengths, owners) if values.shape[:2] == lengths.shape else None


def _write(folder: Path, name: str, made: Examples) -> None:
    """The features first and the small arrays last: without these nothing is taken to be there."""
    atomic.write_stream(folder / f"{name}.npy", lambda file: np.save(file, made.features, allow_pickle=False))
    small: Mapping[str, Any] = {"lengths": made.lengths, "owners": made.clip_index}
    atomic.write_stream(folder / f"{name}.npz", lambda file: np.savez(file, allow_pickle=False, **small))
