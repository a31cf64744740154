"""From stored clips to padded feature arrays, original and offline copies side by side."""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import numpy as np

from voxjax.audio import copies, features, normalize
from voxjax.config import CopiesConfig, FeatureConfig

_CHUNK = 64  # clips that are transformed at once


class Examples(NamedTuple):
    """Rows of features. A clip longer than the window gives several rows."""

    features: np.ndarray  # float32 [rows, copies, T, C]
    lengths: np.ndarray  # int32 [rows, copies], valid positions
    owners: np.ndarray  # int64 [rows], which of the clips given


def mean_by_owner(logits: np.ndarray, owners: np.ndarray) -> np.ndarray:
    """Mean logits of each clip, whose rows `owners` numbers from 0: `[rows, K] -> [clips, K]`."""
    total = np.zeros((int(owners.max()) + 1, logits.shape[1]), logits.dtype)
    np.add.at(total, owners, logits)
    return total / np.bincount(owners)[:, None]


def build(
    config: FeatureConfig,
    clips: Sequence[np.ndarray],
    report: Callable[[int], None],
    copying: CopiesConfig | None = None,
    clip_ids: Sequence[int] = (),
) -> Examples:
    """Features of clips.

    Args:
        config: the feature config.
        clips: float32 `[time]` each, as decoded.
        report: told how many clips are done since it was last called.
        copying: makes offline copies, for training clips; None makes none.
        clip_ids: what the copies' randomness is derived from, one uint32 a clip.

    Returns:
        Rows in the order of the clips.
    """
    pieces, owners = [], []
    for i, samples in enumerate(clips):
        for piece in features.windows(config, features.prepare(config, samples)):
            pieces.append(piece)
            owners.append(i)
    ids = np.array([clip_ids[i] for i in owners] if copying else owners, np.uint32)
    size = _padded(max(len(piece) for piece in pieces), config)
    parts = []
    for start in range(0, len(pieces), _CHUNK):
        here = slice(start, start + _CHUNK)
        parts.append(_chunk(config, pieces[here], ids[here], size, copying))
        report(len(parts[-1][1]))
    values, lengths = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    return Examples(values, lengths, np.array(owners))


def fit_scaler(config: FeatureConfig, examples: Examples) -> normalize.Scaler:
    """The scaler of training examples, from the clips themselves and not from their copies."""
    return normalize.fit(examples.features[:, 0], examples.lengths[:, 0], int(config.kind == "frames"))


def _chunk(
    config: FeatureConfig,
    pieces: Sequence[np.ndarray],
    ids: np.ndarray,
    size: int,
    copying: CopiesConfig | None,
) -> tuple[np.ndarray, np.ndarray]:
    """`[rows, copies, T, C]` and `[rows, copies]` of one chunk, computed at a fixed shape."""
    rows = len(pieces)
    samples = np.zeros((_CHUNK, size), np.float32)
    lengths = np.ones(_CHUNK, np.int32)
    for i, piece in enumerate(pieces):
        samples[i, : len(piece)] = piece
        lengths[i] = len(piece)
    ids = np.pad(ids, (0, _CHUNK - rows))
    sets = [features.extract(config, samples, lengths)]
    if copying is not None:
        for copy in range(1, copying.augmentation_factor + 1):
            changed = copies.make(copying, config.sample_rate_hz, samples, lengths, ids, copy)
            sets.append(features.extract(config, *changed))
    sets = jax.device_get(sets)
    widest = max(values.shape[1] for values, _ in sets)
    wide = [np.pad(v, ((0, 0), (0, widest - v.shape[1]), (0, 0)))[:rows] for v, _ in sets]
    return np.stack(wide, 1), np.stack([n[:rows] for _, n in sets], 1)


def _padded(samples: int, config: FeatureConfig) -> int:
    """The next of a few lengths, so that corpora of like clips share compiled functions."""
    step = max(config.window_samples, config.sample_rate_hz // 2)
    return math.ceil(samples / step) * step
