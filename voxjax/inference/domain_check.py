"""Whether a clip resembles the training clips: its features are summarised and their density is asked.

Letters: B clips, T positions, C channels, D numbers of a summary.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Array, Float, Int

from voxjax.audio import normalize
from voxjax.audio.features import is_over_time
from voxjax.config import FeatureConfig
from voxjax.metrics import domain_distance
from voxjax.metrics.domain_distance import Density

_CHUNK = 64  # clips that are summarised at once
_LEAST_VARIANCE = np.float32(1e-6)


def summaries(
    over_time: bool,
    scaler: normalize.Scaler,
    features: Float[Array | np.ndarray, "B T C"],
    lengths: Int[Array | np.ndarray, " B"],
) -> Float[np.ndarray, "B D"]:
    """Standardised features of clips as one vector each, of any microphone and voice: the mean spectrum is kept.

    In NumPy: a compiled program would take longer to load than this takes to compute.

    Args:
        over_time: whether positions are moments, so that a clip is its mean and deviation over them, D = 2 C; else
            each position is a number of its own, D = T C.
        scaler: fitted to the training clips.
        features: unscaled; padding may hold anything.
        lengths: valid positions, 0 where there is no audio.
    """
    mask = (np.arange(features.shape[1])[None, :] < np.asarray(lengths)[:, None])[..., None]
    mean, std = (np.asarray(part, np.float32)[None] for part in scaler)
    values = np.where(mask, (np.asarray(features, np.float32) - mean) / std, np.float32(0.0))
    if not over_time:
        return values.reshape(len(values), -1)
    count = np.maximum(np.asarray(lengths), 1).astype(np.float32)[:, None]
    centre = values.sum(axis=1) / count
    variance = np.where(mask, np.square(values - centre[:, None]), np.float32(0.0)).sum(axis=1) / count
    return np.concatenate([centre, np.sqrt(np.maximum(variance, _LEAST_VARIANCE))], axis=-1)


def fit(
    config: FeatureConfig,
    scaler: normalize.Scaler,
    features: Float[np.ndarray, "rows T C"],
    lengths: Int[np.ndarray, " rows"],
    speakers: Sequence[str],
) -> Density | None:
    """The density of training clips; None where there are too few of them.

    Args:
        config: what the features are.
        scaler: fitted to these clips.
        features: rows of the training clips, without augmented copies.
        lengths: valid positions of each row.
        speakers: of each row.
    """
    parts = []
    for start in range(0, len(features), _CHUNK):  # in parts, as single precision takes twice the memory of half
        part = slice(start, start + _CHUNK)
        parts.append(summaries(is_over_time(config), scaler, features[part], lengths[part]))
    return domain_distance.fit(np.concatenate(parts), speakers)
