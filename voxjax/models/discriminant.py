"""Linear discriminant: the one network here that is fitted in closed form, before the first step, and not trained.

Each class is taken for a Gaussian, all of one covariance, which is drawn towards the unit matrix (Fisher 1936;
Friedman 1989). With few voices to learn from it asks less of the data than a classifier that is trained to tell the
classes apart (Ng and Jordan 2001).
"""

import dataclasses
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from voxjax.config import in_range
from voxjax.models.encoder_statistics import statistics
from voxjax.models.layers import Rates

Array = jax.Array


@dataclasses.dataclass(frozen=True)
class Options:
    """How the discriminant is fitted."""

    shrinkage: float = 0.8  # share of the unit matrix in the covariance within classes

    def __post_init__(self) -> None:
        in_range("config.model.shrinkage", self.shrinkage, 1e-3, 1.0)


class Discriminant(nn.Module):
    """Scores of the classes from a clip's statistics: `[B, T, C]` with bool `[B, T]` to logits `[B, K]`.

    Steps leave it as it was fitted: its gradient is 0. `rates` say nothing.
    """

    options: Options
    classes: int

    @nn.compact
    def __call__(self, x: Array, mask: Array, rates: Rates | None) -> Array:
        x = statistics(x, mask)  # [B, S]
        kernel = self.param("kernel", nn.initializers.zeros, (x.shape[-1], self.classes))
        bias = self.param("bias", nn.initializers.zeros, (self.classes,))
        return x @ jax.lax.stop_gradient(kernel) + jax.lax.stop_gradient(bias)

    def fit(self, x: Array, mask: Array, labels: Array) -> dict[str, Any]:
        """Its weights from clips that were standardised: `[n, T, C]`, bool `[n, T]` and int32 `[n]`."""
        kernel, bias = discriminant(statistics(x, mask), labels, self.classes, self.options.shrinkage)
        return {"kernel": kernel, "bias": bias}


def discriminant(x: Array, labels: Array, classes: int, shrinkage: float) -> tuple[Array, Array]:
    """Kernel `[S, K]` and bias `[K]`, so that `softmax(x @ kernel + bias)` are the classes' probabilities.

    The covariance is `(1 - shrinkage) * scatter within classes + shrinkage * unit matrix`. Where clips are fewer
    than statistics, the equations are solved among the clips (Woodbury's identity).

    Args:
        x: `[n, S]`, standardised.
        labels: int32 `[n]`.
        classes: K. A class without a clip scores as the mean of all clips would, less what its rarity costs.
        shrinkage: in (0, 1].
    """
    of_class = jax.nn.one_hot(labels, classes, dtype=x.dtype)  # [n, K]
    count = jnp.sum(of_class, axis=0)
    middle = jnp.mean(x, axis=0)
    means = jnp.where(count[:, None] > 0, of_class.T @ x / jnp.maximum(count, 1.0)[:, None], middle[None])  # [K, S]
    inner = (x - of_class @ means) * jnp.sqrt((1.0 - shrinkage) / len(x))  # [n, S]
    if len(x) < x.shape[1]:
        among = shrinkage * jnp.eye(len(x), dtype=x.dtype) + inner @ inner.T
        kernel = (means.T - inner.T @ _solved(among, inner @ means.T)) / shrinkage
    else:
        kernel = _solved(shrinkage * jnp.eye(x.shape[1], dtype=x.dtype) + inner.T @ inner, means.T)
    share = jnp.log(jnp.maximum(count, 0.5) / len(x))
    return kernel, share - 0.5 * jnp.sum(means.T * kernel, axis=0)


def _solved(positive: Array, b: Array) -> Array:
    """`positive^-1 b`, of a positive definite matrix."""
    return jax.scipy.linalg.cho_solve(jax.scipy.linalg.cho_factor(positive, lower=True), b)
