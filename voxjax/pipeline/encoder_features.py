"""Features of all clips of a corpus; those of an encoder are cached on disk."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
from jaxtyping import Float

from voxjax.config_schema import thaw
from voxjax.data.manifest import Manifest
from voxjax.encoders.extractor import extractor
from voxjax.errors import VoxJaxError, mismatch
from voxjax.pipeline import examples
from voxjax.pipeline.encoder_weights import EncoderWeights
from voxjax.pipeline.examples import Examples
from voxjax.pipeline.feature_sets import FeatureSet
from voxjax.storage import atomic

_VERSION = 3


def rows(
    feature_set: FeatureSet,
    encoder: EncoderWeights | None,
    manifest: Manifest,
    clip: Callable[[int], Float[np.ndarray, " time"]],
    cache: Path,
    report: Callable[[int], object],
) -> Examples:
    """Features of all clips and their augmented copies; those of an encoder are cached.

    Args:
        feature_set: the features and the offline augmentation.
        encoder: its weights, None where there is none.
        manifest: the clips.
        clip: returns the samples of one clip.
        cache: folder of encoder outputs.
        report: called with the number of clips done since the last call.

    Raises:
        VoxJaxError: if they can't be written.
    """

    def build() -> Examples:
        clips = [clip(i) for i in range(len(manifest))]
        ids = [one.augmentation_id for one in manifest.clips]
        extract = extractor(feature_set.features, encoder.params if encoder else None)
        return examples.build(feature_set.features, clips, report, feature_set.offline_augment, ids, extract)

    if encoder is None:
        return build()
    key = [
        _VERSION,
        encoder.digest,
        {**thaw(feature_set.features), "centre": "corpus", "tuned_blocks": 0},  # neither changes the encoder's outputs
        thaw(feature_set.offline_augment),
        [(one.content_hash, one.sha256) for one in manifest.clips],  # the first is equal for nearly equal samples
    ]
    name = hashlib.sha256(json.dumps(key, allow_nan=False).encode()).hexdigest()[:32]
    kept = _read(cache / "encoded", name)
    if kept is not None:
        report(len(manifest))
        return kept
    made = build()
    try:
        _write(cache / "encoded", name, made)
    except OSError as error:
        do = "free some space, or set VOXJAX_CACHE to another folder"
        what = f"to keep {made.features.nbytes / 1e6:,.0f} MB of encoded clips"
        raise VoxJaxError(mismatch(str(cache / "encoded"), what, error.strerror, do)) from error
    return made


def _read(folder: Path, name: str) -> Examples | None:
    """The entry that `_write` wrote, with memory-mapped features; None if there is none."""
    try:
        with np.load(folder / f"{name}.npz", allow_pickle=False) as small:
            lengths, clip_index = small["lengths"], small["clip_index"]
        values = np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, KeyError):
        return None
    return Examples(values, lengths, clip_index) if values.shape[:2] == lengths.shape else None


def _write(folder: Path, name: str, made: Examples) -> None:
    """Writes the features first and the small arrays last; an entry without these is incomplete."""
    atomic.write_stream(folder / f"{name}.npy", lambda file: np.save(file, made.features, allow_pickle=False))
    small = {"lengths": made.lengths, "clip_index": made.clip_index}
    atomic.write_stream(folder / f"{name}.npz", lambda file: np.savez(file, allow_pickle=False, **small))
