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
from voxjax.encoders.extractor import extractor, side_by_side
from voxjax.encoders.tensors import Params
from voxjax.errors import VoxJaxError, mismatch
from voxjax.pipeline import examples
from voxjax.pipeline.encoder_weights import EncoderWeights
from voxjax.pipeline.examples import Examples
from voxjax.pipeline.feature_sets import FeatureSet
from voxjax.storage import sealed

_VERSION = 5
_AT_ONCE = 256  # clips that are encoded before they are written: what an interrupted run loses
_PART_BYTES = 2**26  # of clips that are joined at once

Samples = Callable[[int], Float[np.ndarray, " time"]]  # of one clip of the manifest


class _Encoded(NamedTuple):
    """One clip as the encoder's output, without padding after its longest row."""

    features: Float[np.ndarray, "windows copies T C"]
    lengths: Int[np.ndarray, "windows copies"]


class _Source(NamedTuple):
    """One encoder, and the file that holds its outputs of each clip."""

    feature_set: FeatureSet  # of this encoder alone
    params: Params
    paths: Sequence[Path]


class _Corpus(NamedTuple):
    """The clips to encode."""

    manifest: Manifest
    clip: Samples
    report: Callable[[int], object]  # called with the number of clips done since the last call


def rows(
    feature_set: FeatureSet,
    encoders: Sequence[EncoderWeights],
    manifest: Manifest,
    clip: Samples,
    cache: Path,
    report: Callable[[int], object],
) -> Examples:
    """Features of all clips and their augmented copies; those of each encoder are cached.

    A clip's file depends on the clip, one encoder and its feature set, so that clips are encoded once, whatever corpus,
    protocol or other encoders they are used with, and an interrupted run goes on where it was.

    Args:
        feature_set: the features and the offline augmentation.
        encoders: of the features, as from `encoder_weights.load`; empty for features of the signal.
        manifest: the clips.
        clip: returns the samples of one clip.
        cache: folder of encoder outputs.
        report: called with the number of clips done since the last call, by each encoder.

    Raises:
        VoxJaxError: if they can't be written.
    """
    corpus = _Corpus(manifest, clip, report)
    if not encoders:
        return _build(feature_set, None, corpus, range(len(manifest)))
    sources = [_source(feature_set._replace(features=one.features), one, manifest, cache) for one in encoders]
    for source in sources:
        missing = [i for i, path in enumerate(source.paths) if not path.is_file()]
        report(len(manifest) - len(missing))
        _encode(source, corpus, missing)
    return _in_one(sources, corpus)


def _source(feature_set: FeatureSet, encoder: EncoderWeights, manifest: Manifest, cache: Path) -> _Source:
    names = _names(feature_set, encoder, manifest.clips)
    return _Source(feature_set, encoder.params, [cache / "encoded_clips" / name[:2] / f"{name}.npz" for name in names])


def _encode(source: _Source, corpus: _Corpus, chosen: Sequence[int]) -> None:
    """Writes the outputs of chosen clips."""
    ordered = sorted(chosen, key=lambda i: len(corpus.clip(i)))  # of similar lengths together
    for start in range(0, len(ordered), _AT_ONCE):
        part = ordered[start : start + _AT_ONCE]
        made = _build(source.feature_set, source.params, corpus, part)
        for i, encoded in zip(part, _by_clip(made, len(part)), strict=True):
            _write(source.paths[i], encoded)


def _build(feature_set: FeatureSet, params: Params | None, corpus: _Corpus, chosen: Sequence[int]) -> Examples:
    """Features of the chosen clips; their `clip_index` counts these."""
    extract = extractor(feature_set.features, params)
    ids = [corpus.manifest.clips[i].augmentation_id for i in chosen]
    samples = [corpus.clip(i) for i in chosen]
    return examples.build(feature_set.features, samples, corpus.report, feature_set.offline_augment, ids, extract)


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


def _in_one(sources: Sequence[_Source], corpus: _Corpus) -> Examples:
    """The outputs of all encoders for all clips as rows; each file is read once."""
    clips: list[_Encoded] = []
    parts: list[_Encoded] = []  # large ones, so that their memory is free for others once they are copied
    counts, held = [], 0
    for i in range(len(corpus.manifest)):
        clips.append(_beside([_cached(source, corpus, i) for source in sources]))
        counts.append(len(clips[-1].lengths))
        held += clips[-1].features.nbytes
        if held >= _PART_BYTES:
            parts.append(_stacked(clips))
            held = 0
    if clips:
        parts.append(_stacked(clips))
    return Examples(*_stacked(parts), np.repeat(np.arange(len(counts)), counts))


def _cached(source: _Source, corpus: _Corpus, i: int) -> _Encoded:
    """The outputs of one encoder for one clip, which is encoded again if its file is damaged.

    Raises:
        VoxJaxError: at a file that another process keeps removing or changing.
    """
    found = _read(source.paths[i])
    if found is None:
        _encode(source, corpus, [i])
        found = _read(source.paths[i])
    if found is None:
        do = "run again, and leave the cache alone meanwhile"
        raise VoxJaxError(mismatch(str(source.paths[i]), "the encoded clip that was just written", "another", do))
    return found


def _beside(encoded: Sequence[_Encoded]) -> _Encoded:
    """One clip's outputs of all encoders, side by side."""
    if len(encoded) == 1:
        return encoded[0]
    rows, copies = encoded[0].lengths.shape
    flat = [(one.features.reshape(rows * copies, *one.features.shape[2:]), one.lengths.reshape(-1)) for one in encoded]
    features, lengths = side_by_side(flat)
    return _Encoded(
        np.asarray(features).reshape(rows, copies, *features.shape[1:]), np.asarray(lengths).reshape(rows, copies)
    )


def _stacked(parts: list[_Encoded]) -> _Encoded:
    """The rows of all parts, zero-padded to the longest. Takes each part from the list, so that memory is used once."""
    longest = max(one.features.shape[2] for one in parts)
    _, copies, _, channels = parts[0].features.shape
    count = sum(len(one.lengths) for one in parts)
    features = np.zeros((count, copies, longest, channels), parts[0].features.dtype)
    lengths = np.zeros((count, copies), np.int32)
    parts.reverse()
    start = 0
    while parts:
        one = parts.pop()
        rows = slice(start, start + len(one.lengths))
        features[rows, :, : one.features.shape[2]], lengths[rows] = one
        start = rows.stop
    return _Encoded(features, lengths)


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
