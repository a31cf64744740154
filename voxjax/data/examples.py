"""From stored clips to padded feature arrays, original and offline copies side by side."""

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from voxjax.audio import features, normalize, offline_augment
from voxjax.audio.features import Extract
from voxjax.config import FeatureConfig, OfflineAugmentConfig

_CHUNK = 64  # clips that are transformed at once


class Examples(NamedTuple):
    """Rows of features. A clip longer than the window gives several rows."""

    features: np.ndarray  # float32 [rows, copies, T, C]; an encoder's are float16
    lengths: np.ndarray  # int32 [rows, copies], valid positions
    clip_index: np.ndarray  # int64 [rows], the clip that each row is from


def mean_by_clip(logits: np.ndarray, clip_index: np.ndarray) -> np.ndarray:
    """Mean logits of each clip, whose rows `clip_index` numbers from 0: `[rows, K] -> [clips, K]`."""
    total = np.zeros((int(clip_index.max()) + 1, logits.shape[1]), logits.dtype)
    np.add.at(total, clip_index, logits)
    return total / np.bincount(clip_index)[:, None]


def build(
    config: FeatureConfig,
    clips: Sequence[np.ndarray],
    report: Callable[[int], object],
    augment: OfflineAugmentConfig | None = None,
    clip_ids: Sequence[int] = (),
    extract: Extract | None = None,
) -> Examples:
    """Features of clips.

    Args:
        config: the feature config.
        clips: float32 `[time]` each, as decoded.
        report: told how many clips are done since it was last called.
        augment: makes offline copies, for training clips; None makes none.
        clip_ids: what the copies' randomness is derived from, one uint32 a clip.
        extract: makes features of zero-padded samples `[B, time]` and their lengths `[B]`; None is
            `features.extract`, which knows no encoder.

    Returns:
        Rows in the order of the clips.
    """
    pieces, clip_index = [], []
    for i, samples in enumerate(clips):
        for piece in features.windows(config, features.prepare(config, samples)):
            pieces.append(piece)
            clip_index.append(i)
    ids = np.array([clip_ids[i] for i in clip_index] if augment else clip_index, np.uint32)
    make = _Maker(config.sample_rate_hz, extract or functools.partial(features.extract, config), augment)
    longest = max(len(piece) for piece in pieces)
    sizes = [_padded(len(piece) if config.kind == "encoder" else longest, config) for piece in pieces]
    order = np.argsort(sizes, kind="stable")  # an encoder's time on padding would be most of it
    parts = []
    for start in range(0, len(pieces), _CHUNK):
        here = order[start : start + _CHUNK]
        parts.append(_chunk(make, [pieces[i] for i in here], ids[here], sizes[here[-1]]))
        report(len(here))
    values, lengths = _in_order(order, parts)
    return Examples(values, lengths, np.array(clip_index))


def fit_scaler(config: FeatureConfig, examples: Examples) -> normalize.Scaler:
    """The scaler of training examples, from the clips themselves and not from their copies."""
    return normalize.fit(examples.features[:, 0], examples.lengths[:, 0], int(config.kind != "vector"))


class _Maker(NamedTuple):
    """How samples become features, copies with them."""

    sample_rate_hz: int
    extract: Extract
    augment: OfflineAugmentConfig | None

    def sets(self, samples: np.ndarray, lengths: np.ndarray, ids: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
        """Features and lengths of the clips themselves, then of each copy."""
        sounds: list[tuple[Any, Any]] = [(samples, lengths)]
        if self.augment is not None:
            for copy in range(1, self.augment.augmentation_factor + 1):
                sounds.append(offline_augment.make(self.augment, self.sample_rate_hz, samples, lengths, ids, copy))
        return jax.device_get([self.extract(*sound) for sound in sounds])


def _chunk(make: _Maker, pieces: Sequence[np.ndarray], ids: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """`[rows, copies, T, C]` and `[rows, copies]` of one chunk, computed at a fixed shape."""
    rows = len(pieces)
    samples = np.zeros((_CHUNK, size), np.float32)
    lengths = np.ones(_CHUNK, np.int32)
    for i, piece in enumerate(pieces):
        samples[i, : len(piece)] = piece
        lengths[i] = len(piece)
    ids = np.pad(ids, (0, _CHUNK - rows))
    sets = make.sets(samples, lengths, ids)
    widest = max(values.shape[1] for values, _ in sets)
    wide = [np.pad(v, ((0, 0), (0, widest - v.shape[1]), (0, 0)))[:rows] for v, _ in sets]
    return np.stack(wide, 1), np.stack([n[:rows] for _, n in sets], 1)


def _in_order(order: np.ndarray, parts: list[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    """Chunks of rows that were taken in this order, in the order of the clips, all as wide as the widest."""
    _, copies, _, channels = parts[0][0].shape
    values = np.zeros((len(order), copies, max(v.shape[2] for v, _ in parts), channels), parts[0][0].dtype)
    lengths = np.zeros((len(order), copies), parts[0][1].dtype)
    start = 0
    while parts:
        some, counts = parts.pop(0)  # so that few chunks are there twice
        here = order[start : start + len(some)]
        values[here, :, : some.shape[2]], lengths[here] = some, counts
        start += len(some)
    return values, lengths


def _padded(samples: int, config: FeatureConfig) -> int:
    """The next of a few lengths, so that corpora of like clips share compiled functions."""
    step = max(config.window_samples, config.sample_rate_hz // 2)
    return math.ceil(samples / step) * step
