"""One scaler: channel means and deviations over the valid frames of the training clips alone."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np


class Scaler(NamedTuple):
    """`mean` and `std`, float32 `[positions, channels]`; positions is 1 where time is shared."""

    mean: jax.Array | np.ndarray
    std: jax.Array | np.ndarray


def fit(features: np.ndarray, lengths: np.ndarray, over_time: int) -> Scaler:
    """Fits to training clips.

    Args:
        features: `[clips, time, channels]`, of training clips only.
        lengths: `[clips]`, valid positions of each.
        over_time: 1 to share statistics over time (`frames`), 0 to keep each position's own (`vector`).

    Returns:
        The scaler, computed in float64. A constant channel keeps a deviation of 1.
    """
    valid = np.arange(features.shape[1])[None, :] < lengths[:, None]
    axes = (0, 1) if over_time else (0,)
    weight = np.broadcast_to(valid[..., None], features.shape)
    count = np.maximum(weight.sum(axes), 1)
    values = np.where(weight, features, 0).astype(np.float64)
    mean = values.sum(axes) / count
    square = np.square(values).sum(axes) / count
    std = np.sqrt(np.maximum(square - np.square(mean), 0.0))
    std = np.where(std < 1e-6 * np.maximum(1.0, np.abs(mean)), 1.0, std)
    shape = (1, -1) if over_time else features.shape[1:]
    return Scaler(mean.reshape(shape).astype(np.float32), std.reshape(shape).astype(np.float32))


def apply(scaler: Scaler, features: jax.Array, mask: jax.Array) -> jax.Array:
    """Standardises, and sets padding to zero: `[..., time, channels]` with `mask [..., time]`."""
    lead = (1,) * (features.ndim - 2)
    mean, std = (jnp.reshape(part, (*lead, *part.shape)) for part in scaler)
    return jnp.where(mask[..., None], (features - mean) / std, 0.0)
