"""Features of all clips of a corpus; those of an encoder are cached on disk, a file a clip."""

import hashlib
import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from voxjax.config_schema import thaw
from voxjax.data.manifest import Clip, Manifest
from voxjax.encoders.extractor import extractor
from voxjax.errors import VoxJaxError, mismatch
from voxjax.pipeline import examples
from voxjax.pipeline.encoder_weights import EncoderWeights
from voxjax.pipeline.examples import Examples
from voxjax.pipeline.feature_sets import FeatureSet
from voxjax.storage import sealed

_VERSION = 5
_AT_ONCE = 256  # clips that are encoded before they are written: what an interrupted run loses

Samples = Callable[[int], Float[np.ndarray, " time"]]  # of one clip of the manifest


class _Encoded(NamedTuple):
    """One clip as the encoder's output, without padding after its longest row."""

    features: Float[np.ndarray, "windows copies T C"]
    lengths: Int[np.ndarray, "windows copies"]


def rows(
    feature_set: FeatureSet,
    encoder: EncoderWeights | None,
    manifest: Manifest,
    clip: Samples,
    cache: Path,
    report: Callable[[int], object],
) -> Examples:
    """Features of all clips and their augmented copies; those of an encoder are cached.

    A clip's file depends on the clip, the encoder and the feature set alone, so that clips are encoded once, whatever
    corpus or protocol they are used in, and an interrupted run goes on where it was.

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
    if encoder is None:
        return _build(feature_set, None, manifest, range(len(manifest)), clip, report)
    folder = cache / "encoded_clips"
    paths = [folder / name[:2] / f"{name}.npz" for name in _names(feature_set, encoder, manifest.clips)]
    shapes = {i: found.features.shape for i, path in enumerate(paths) if (found := _read(path)) is not None}
    report(len(shapes))
    missing = sorted(set(range(len(paths))) - shapes.keys(), key=lambda i: len(clip(i)))  # of similar lengths together
    for start in range(0, len(missing), _AT_ONCE):
        chosen = missing[start : start + _AT_ONCE]
        made = _build(feature_set, encoder, manifest, chosen, clip, report)
        for i, encoded in zip(chosen, _by_clip(made, len(chosen)), strict=True):
            _write(paths[i], encoded)
            shapes[i] = encoded.features.shape
    return _joined(paths, [shapes[i] for i in range(len(paths))])


def _build(
    feature_set: FeatureSet,
    encoder: EncoderWeights | None,
    manifest: Manifest,
    chosen: Sequence[int],
    clip: Samples,
    report: Callable[[int], object],
) -> Examples:
    """Features of the chosen clips; their `clip_index` counts these."""
    extract = extractor(feature_set.features, encoder.params if encoder else None)
    ids = [manifest.clips[i].augmentation_id for i in chosen]
    samples = [clip(i) for i in chosen]
    return examples.build(feature_set.features, samples, report, feature_set.offline_augment, ids, extract)


def _names(feature_set: FeatureSet, encoder: EncoderWeights, clips: Sequence[Clip]) -> list[str]:
    """The name of each clip's file: a hash of what its content depends on."""
    common = [
        _VERSION,
        encoder.digest,
        {**thaw(feature_set.features), "centre": "corpus", "tuned_blocks": 0},  # neither changes the encoder's outputs
        thaw(feature_set.offline_augment),
    ]
    start = json.dumps(common, allow_nan=False)
    # The hash of samples is equal for nearly equal ones; augmentation is drawn by that of the bytes.
    keys = [json.dumps([start, clip.content_hash, clip.sha256]) for clip in clips]
    return [hashlib.sha256(key.encode()).hexdigest()[:32] for key in keys]


def _by_clip(made: Examples, clips: int) -> list[_Encoded]:
    """The rows of each clip."""
    parts = []
    for i in range(clips):
        own = made.clip_index == i
        lengths = made.lengths[own]
        parts.append(_Encoded(made.features[own, :, : lengths.max()], lengths))
    return parts


def _joined(paths: Sequence[Path], shapes: Sequence[tuple[int, ...]]) -> Examples:
    """All clips as rows, zero-padded to the longest.

    Raises:
        VoxJaxError: at a file that another process has removed or changed meanwhile.
    """
    counts = [shape[0] for shape in shapes]
    longest = max(shape[2] for shape in shapes)
    features = lengths = None
    start = 0
    for path, count in zip(paths, counts, strict=True):
        one = _read(path)
        if one is None:
            do = "run again, and leave the cache alone meanwhile"
            raise VoxJaxError(mismatch(str(path), "the encoded clip that was just read or written", "another", do))
        if features is None or lengths is None:
            _, copies, _, channels = one.features.shape
            features = np.zeros((sum(counts), copies, longest, channels), one.features.dtype)
            lengths = np.zeros((sum(counts), copies), np.int32)
        features[start : start + count, :, : one.features.shape[2]] = one.features
        lengths[start : start + count] = one.lengths
        start += count
    assert features is not None and lengths is not None  # a corpus has clips
    return Examples(features, lengths, np.repeat(np.arange(len(paths)), counts))


def _read(path: Path) -> _Encoded | None:
    """The entry that `_write` wrote; None if there is none or it is damaged."""
    content = sealed.read(path)
    if content is None:
        return None
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        return _Encoded(arrays["features"], arrays["lengths"])


def _write(path: Path, encoded: _Encoded) -> None:
    content = io.BytesIO()
    np.savez(content, allow_pickle=False, **encoded._asdict())
    try:
        sealed.write(path, content.getvalue())
    except OSError as error:
        do = "free some space, or set VOXJAX_CACHE to another folder"
        what = f"to keep {content.tell() / 1e6:,.1f} MB of an encoded clip"
        raise VoxJaxError(mismatch(str(path.parent), what, error.strerror, do)) from error
