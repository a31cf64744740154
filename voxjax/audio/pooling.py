"""A clip as means and standard deviations over time."""

import jax.numpy as jnp
from jaxtyping import Array, Float


def mean_and_deviation(
    x: Float[Array, "B T C"], weights: Float[Array, "B T"], floor: float = 1e-6
) -> Float[Array, "B 2*C"]:
    """Weighted mean and standard deviation over positions, concatenated: `[B, T, C]`, `[B, T]` to `[B, 2C]`.

    Variances are at least `floor`, so that deviations have a finite gradient.
    """
    mean = _weighted_mean(x, weights)
    variance = _weighted_mean(jnp.square(x - mean[:, None, :]), weights)
    return jnp.concatenate([mean, jnp.sqrt(jnp.maximum(variance, floor))], axis=-1)


def _weighted_mean(x: Float[Array, "B T C"], weights: Float[Array, "B T"]) -> Float[Array, "B C"]:
    valid = weights[..., None] > 0.0  # padding may have any value, NaN included
    total = jnp.sum(weights, axis=1)[:, None]  # 0 for a clip without a position
    return jnp.sum(jnp.where(valid, weights[..., None] * x, 0.0), axis=1) / jnp.where(total > 0.0, total, 1.0)
