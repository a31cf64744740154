"""From stored clips to padded feature arrays of the clips and their offline augmentations."""

import functools
import math
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Array, Float, Int, UInt32

from voxjax.audio import features, normalize, offline_augment
from voxjax.audio.features import Extract
from voxjax.config import FeatureConfig, OfflineAugmentConfig

_ENCODED = 64  # clips that an encoder is given at once
_COMPUTED = 32  # clips whose signal features a thread computes at once
_Part = tuple[Float[np.ndarray, "rows copies T C"], Int[np.ndarray, "rows copies"]]  # of one chunk


class Examples(NamedTuple):
    """Rows of features. A clip longer than the window has several rows. Copy 0 is the clip itself."""

    features: Float[np.ndarray, "rows copies T C"]  # float32; an encoder's are float16
    lengths: Int[np.ndarray, "rows copies"]  # int32, valid positions
    clip_index: Int[np.ndarray, " rows"]  # int64, the clip of each row


def build(
    config: FeatureConfig,
    clips: Sequence[Float[np.ndarray, " _"]],
    report: Callable[[int], object],
    augment: OfflineAugmentConfig | None = None,
    clip_ids: Sequence[int] = (),
    extract: Extract | None = None,
) -> Examples:
    """Features of clips.

    Args:
        config: the feature config.
        clips: float32 `[time]` each, as decoded.
        report: called with the number of clips of which all rows are done since the last call.
        augment: the offline augmentation, for training clips; None for none.
        clip_ids: seeds of the augmentation, one uint32 per clip.
        extract: from zero-padded samples `[B, time]` and lengths `[B]` to features; None is `features.extract`, which
            is for features without an encoder.

    Returns:
        Rows in the order of the clips.
    """
    segments, clip_index = [], []
    for i, samples in enumerate(clips):
        for segment in features.windows(config, features.prepare(config, samples)):
            segments.append(segment)
            clip_index.append(i)
    ids = np.array([clip_ids[i] for i in clip_index] if augment else clip_index, np.uint32)
    make = _Maker(config.sample_rate_hz, extract or functools.partial(features.extract, config), augment)
    longest = max(map(len, segments))
    sizes = [_padded(len(segment) if config.by_encoder else longest, config) for segment in segments]
    order = np.argsort(sizes, kind="stable")  # sorted by length, so that an encoder computes little padding
    # An encoder takes long: of a few new clips it computes few rows. Signal features keep the one compiled shape.
    height = min(_ENCODED, 1 << (len(segments) - 1).bit_length()) if config.by_encoder else _COMPUTED
    chunks = [order[start : start + height] for start in range(0, len(segments), height)]

    def computed(chunk: Int[np.ndarray, " _"]) -> _Part:
        return _chunk(make, [segments[i] for i in chunk], ids[chunk], (height, sizes[chunk[-1]]))

    parts, left = [], np.bincount(clip_index)
    # An encoder's matrix products use all processors, signal features one for a chunk.
    with ThreadPoolExecutor(1 if config.by_encoder else os.cpu_count()) as pool:
        for chunk, part in zip(chunks, _first_alone(pool, computed, chunks), strict=True):
            parts.append(part)
            before = np.count_nonzero(left)
            np.subtract.at(left, np.take(clip_index, chunk), 1)
            report(int(before - np.count_nonzero(left)))
    values, lengths = _in_order(order, parts)
    return Examples(values, lengths, np.array(clip_index))


def _first_alone(
    pool: ThreadPoolExecutor, computed: Callable[[np.ndarray], _Part], chunks: Sequence[Int[np.ndarray, " _"]]
) -> Iterator[_Part]:
    """Parts in the order of the chunks. The first compiles the program, which else each thread would compile."""
    yield computed(chunks[0])
    yield from pool.map(computed, chunks[1:])


def fit_scaler(config: FeatureConfig, examples: Examples) -> normalize.Scaler:
    """The scaler of training examples, fitted to the clips without their augmentations."""
    return normalize.fit(examples.features[:, 0], examples.lengths[:, 0], over_time(config))


def over_time(config: FeatureConfig) -> int:
    """1 where statistics of these features are over time, 0 where each position has its own."""
    return int(config.kind != "vector")


class _Maker(NamedTuple):
    """Computes the features of clips and of their augmentations."""

    sample_rate_hz: int
    extract: Extract
    augment: OfflineAugmentConfig | None

    def sets(
        self,
        samples: Float[np.ndarray, "clips time"],
        lengths: Int[np.ndarray, " clips"],
        ids: UInt32[np.ndarray, " clips"],
    ) -> list[tuple[Float[np.ndarray, "clips _ C"], Int[np.ndarray, " clips"]]]:
        """Features and lengths of the clips, then of each augmentation."""
        versions: list[tuple[Array | np.ndarray, Array | np.ndarray]] = [(samples, lengths)]
        if self.augment is not None:
            for copy in range(1, self.augment.augmentation_factor + 1):
                versions.append(offline_augment.make(self.augment, self.sample_rate_hz, samples, lengths, ids, copy))
        return jax.device_get([self.extract(*version) for version in versions])


def _chunk(
    make: _Maker, segments: Sequence[Float[np.ndarray, " _"]], ids: UInt32[np.ndarray, " rows"], shape: tuple[int, int]
) -> tuple[Float[np.ndarray, "rows copies T C"], Int[np.ndarray, "rows copies"]]:
    """`[rows, copies, T, C]` and `[rows, copies]` of one chunk, computed as samples of a given shape."""
    rows = len(segments)
    samples = np.zeros(shape, np.float32)
    lengths = np.ones(len(samples), np.int32)
    for i, segment in enumerate(segments):
        samples[i, : len(segment)] = segment
        lengths[i] = len(segment)
    ids = np.pad(ids, (0, len(samples) - rows))
    sets = make.sets(samples, lengths, ids)
    widest = max(values.shape[1] for values, _ in sets)
    wide = [np.pad(v, ((0, 0), (0, widest - v.shape[1]), (0, 0)))[:rows] for v, _ in sets]
    return np.stack(wide, 1), np.stack([n[:rows] for _, n in sets], 1)


def _in_order(
    order: Int[np.ndarray, " rows"],
    parts: list[tuple[Float[np.ndarray, "_ copies _ C"], Int[np.ndarray, "_ copies"]]],
) -> tuple[Float[np.ndarray, "rows copies T C"], Int[np.ndarray, "rows copies"]]:
    """The rows of chunks in the order of the clips, zero-padded to the longest; `order` is that of the chunks."""
    _, copies, _, channels = parts[0][0].shape
    values = np.zeros((len(order), copies, max(v.shape[2] for v, _ in parts), channels), parts[0][0].dtype)
    lengths = np.zeros((len(order), copies), parts[0][1].dtype)
    start = 0
    while parts:
        chunk, counts = parts.pop(0)  # frees the chunk, so that features are in memory once
        rows = order[start : start + len(chunk)]
        values[rows, :, : chunk.shape[2]], lengths[rows] = chunk, counts
        start += len(chunk)
    return values, lengths


def _padded(samples: int, config: FeatureConfig) -> int:
    """The length rounded up to a multiple of half a second, so that few shapes are compiled."""
    step = max(config.window_samples, config.sample_rate_hz // 2)
    return math.ceil(samples / step) * step
