"""Whether a clip resembles the training clips: its features are summarised and their density is asked.

Letters: B clips, T positions, C channels, D numbers of a summary.
"""

import functools
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from voxjax.audio import normalize, pooling
from voxjax.config import EncoderFeatures, FeatureConfig, FrameFeatures
from voxjax.metrics import domain_distance
from voxjax.metrics.domain_distance import Density

_CHUNK = 64  # clips that are summarised at once


@functools.partial(jax.jit, static_argnums=0)
def summaries(
    over_time: bool,
    scaler: normalize.Scaler,
    features: Float[Array | np.ndarray, "B T C"],
    lengths: Int[Array | np.ndarray, " B"],
) -> Float[Array, "B D"]:
    """Standardised features of clips as one vector each, of any microphone and voice: the mean spectrum is kept.

    Args:
        over_time: whether positions are moments, so that a clip is its mean and deviation over them, D = 2 C; else
            each position is a number of its own, D = T C.
        scaler: fitted to the training clips.
        features: unscaled; padding may hold anything.
        lengths: valid positions, 0 where there is no audio.
    """
    mask = jnp.arange(features.shape[1])[None, :] < lengths[:, None]
    values = normalize.standardised(scaler, jnp.asarray(features, jnp.float32), mask)
    if over_time:
        return pooling.mean_and_deviation(values, mask.astype(jnp.float32))
    return values.reshape(values.shape[0], -1)


def is_over_time(config: FeatureConfig) -> bool:
    """Whether the positions of these features are moments in time."""
    return isinstance(config, FrameFeatures) or (isinstance(config, EncoderFeatures) and config.pooling == "none")


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
    for start in range(0, len(features), _CHUNK):
        part = features[start : start + _CHUNK]
        padded = np.zeros((_CHUNK, *part.shape[1:]), part.dtype)  # one shape, and so one compilation
        padded[: len(part)] = part
        counts = np.ones(_CHUNK, np.int32)
        counts[: len(part)] = lengths[start : start + _CHUNK]
        parts.append(np.asarray(summaries(is_over_time(config), scaler, padded, counts))[: len(part)])
    return domain_distance.fit(np.concatenate(parts), speakers)
