"""A clip as means and deviations over time. Letters: B clips, T positions, C channels."""

import jax
import jax.numpy as jnp

Array = jax.Array


def mean_and_deviation(x: Array, weights: Array, floor: float = 1e-6) -> Array:
    """Weighted mean and standard deviation over positions, side by side: `[B, T, C]`, `[B, T]` to `[B, 2C]`.

    No variance is below `floor`, so that deviations have a gradient everywhere.
    """
    mean = _weighted_mean(x, weights)
    variance = _weighted_mean(jnp.square(x - mean[:, None, :]), weights)
    return jnp.concatenate([mean, jnp.sqrt(jnp.maximum(variance, floor))], axis=-1)


def _weighted_mean(x: Array, weights: Array) -> Array:
    heard = weights[..., None] > 0.0  # whatever stands beyond the clip
    total = jnp.sum(weights, axis=1)[:, None]  # 0 for a clip without a position
    return jnp.sum(jnp.where(heard, weights[..., None] * x, 0.0), axis=1) / jnp.where(total > 0.0, total, 1.0)
