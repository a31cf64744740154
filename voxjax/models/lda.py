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
import numpy as np

from voxjax.config import in_range
from voxjax.models.encoder_statistics import statistics
from voxjax.models.layers import DropoutRates

Array = jax.Array

_PARTS = 4
_HEATS = np.exp2(np.arange(41) / 4.0).astype(np.float32)


@dataclasses.dataclass(frozen=True)
class Options:
    """How the discriminant is fitted."""

    shrinkage: float = 0.8  # share of the unit matrix in the covariance within classes

    def __post_init__(self) -> None:
        in_range("config.model.shrinkage", self.shrinkage, 1e-3, 1.0)


class LinearDiscriminant(nn.Module):
    """Scores of the classes from a clip's statistics: `[B, T, C]` with bool `[B, T]` to logits `[B, K]`.

    Steps leave it as it was fitted, where `hyper.weight_decay` is 0: it has no gradient. `rates` say nothing.
    """

    options: Options
    classes: int

    @nn.compact
    def __call__(self, x: Array, mask: Array, rates: DropoutRates | None) -> Array:
        x = statistics(x, mask)  # [B, S]
        kernel = self.param("kernel", nn.initializers.zeros, (x.shape[-1], self.classes))
        bias = self.param("bias", nn.initializers.zeros, (self.classes,))
        return x @ jax.lax.stop_gradient(kernel) + jax.lax.stop_gradient(bias)[None]

    def fit(self, x: Array, mask: Array, labels: Array) -> dict[str, Any]:
        """Its weights from clips that were standardised: `[n, T, C]`, bool `[n, T]` and int32 `[n]`."""
        x, of_class = statistics(x, mask), jax.nn.one_hot(labels, self.classes)
        kernel, bias = fit_lda(x, of_class, self.options.shrinkage)
        heat = temperature(x, of_class, self.options.shrinkage)
        return {"kernel": kernel / heat, "bias": bias / heat}


def fit_lda(x: Array, of_class: Array, shrinkage: float) -> tuple[Array, Array]:
    """Kernel `[S, K]` and bias `[K]`, so that `softmax(x @ kernel + bias)` are the classes' probabilities.

    The covariance is `(1 - shrinkage) * scatter within classes + shrinkage * unit matrix`. Where clips are fewer
    than statistics, the equations are solved among the clips (Woodbury's identity).

    Args:
        x: `[n, S]`, standardised.
        of_class: `[n, K]`, 1 at each clip's class, or all 0 where a clip is not to be learnt from. A class without a
            clip scores as the mean of all clips would, less what its rarity costs.
        shrinkage: in (0, 1].
    """
    count = jnp.sum(of_class, axis=0)
    total = jnp.sum(count)
    middle = jnp.sum(of_class, axis=1) @ x / total
    means = jnp.where(count[:, None] > 0, of_class.T @ x / jnp.maximum(count, 1.0)[:, None], middle[None])  # [K, S]
    known = jnp.sum(of_class, axis=1, keepdims=True)
    inner = (known * x - of_class @ means) * jnp.sqrt((1.0 - shrinkage) / total)  # [n, S]
    if len(x) < x.shape[1]:
        among = shrinkage * jnp.eye(len(x), dtype=x.dtype) + inner @ inner.T
        kernel = (means.T - inner.T @ _solved(among, inner @ means.T)) / shrinkage
    else:
        kernel = _solved(shrinkage * jnp.eye(x.shape[1], dtype=x.dtype) + inner.T @ inner, means.T)
    share = jnp.log(jnp.maximum(count, 0.5) / total)
    return kernel, share - 0.5 * jnp.sum(means.T * kernel, axis=0)


def temperature(x: Array, of_class: Array, shrinkage: float) -> Array:
    """What scores must be divided by so that clips that were not fitted are told with the right confidence.

    With many statistics a Gaussian is far too sure. Each quarter of the clips is told by a fit to the other three,
    and of the powers of 2 ** 0.25 the one is taken under which the truth is likeliest. A quarter holds of each class
    clips that follow one another in the corpus, as a speaker's do, so that it is mostly of other voices.
    """
    rank = jnp.cumsum(of_class, axis=0) * of_class  # from 1, within its class
    quarter = jnp.sum((rank - 1.0) * of_class * _PARTS / jnp.maximum(jnp.sum(of_class, axis=0), 1.0)[None], axis=1)

    def held_out(part: Array) -> Array:
        outside = (quarter.astype(jnp.int32) != part).astype(x.dtype)
        kernel, bias = fit_lda(x, of_class * outside[:, None], shrinkage)
        return (x @ kernel + bias[None]) * (1.0 - outside)[:, None]

    scores = jnp.sum(jax.lax.map(held_out, jnp.arange(_PARTS)), axis=0)  # [n, K]
    told = jax.nn.log_softmax(scores[None] / _HEATS[:, None, None])  # [heats, n, K]
    return jnp.asarray(_HEATS)[jnp.argmax(jnp.sum(told * of_class[None], axis=(1, 2)))]


def _solved(positive: Array, b: Array) -> Array:
    """`positive^-1 b`, of a positive definite matrix."""
    return jax.scipy.linalg.cho_solve(jax.scipy.linalg.cho_factor(positive, lower=True), b)
