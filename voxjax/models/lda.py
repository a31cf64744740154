"""Linear discriminant analysis (LDA) on a clip's statistics, fitted in closed form.

Each class is modelled as a Gaussian; all share one covariance, which is shrunk towards the identity matrix (Fisher
1936; Friedman 1989). With few speakers such a generative model needs less data than a discriminatively trained
classifier (Ng and Jordan 2001).
"""

import dataclasses

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from voxjax.config import in_range
from voxjax.models.encoder_statistics import statistics
from voxjax.models.layers import DropoutRates

_PARTS = 4  # of the clips, each held out once to choose the temperature
_TEMPERATURES = np.exp2(np.arange(41) / 4.0).astype(np.float32)


@dataclasses.dataclass(frozen=True)
class Options:
    """How the model is fitted."""

    shrinkage: float = 0.8  # weight of the identity matrix in the within-class covariance

    def __post_init__(self) -> None:
        in_range("config.model.shrinkage", self.shrinkage, 1e-3, 1.0)


class LinearDiscriminant(nn.Module):
    """Logits from a clip's statistics: `[B, T, C], [B, T] -> [B, K]`. A `ClosedFormModel`; `rates` are ignored."""

    options: Options
    classes: int

    @nn.compact
    def __call__(
        self, x: Float[Array, "B T C"], mask: Bool[Array, "B T"], rates: DropoutRates | None
    ) -> Float[Array, "B {self.classes}"]:
        x = statistics(x, mask)  # [B, S]
        kernel = self.param("kernel", nn.initializers.zeros, (x.shape[-1], self.classes))
        bias = self.param("bias", nn.initializers.zeros, (self.classes,))
        return x @ kernel + bias[None]

    def fit(
        self, x: Float[Array, "clips T C"], mask: Bool[Array, "clips T"], labels: Int[Array, " clips"]
    ) -> dict[str, Float[Array, "..."]]:
        """Weights from standardised training clips: `[clips, T, C]`, bool `[clips, T]` and int32 `[clips]`."""
        x, of_class = statistics(x, mask), jax.nn.one_hot(labels, self.classes)
        kernel, bias = fit_lda(x, of_class, self.options.shrinkage)
        scale = temperature(x, of_class, self.options.shrinkage)
        return {"kernel": kernel / scale, "bias": bias / scale}


def fit_lda(
    x: Float[Array, "clips S"], of_class: Float[Array, "clips K"], shrinkage: float
) -> tuple[Float[Array, "S K"], Float[Array, " K"]]:
    """Kernel `[S, K]` and bias `[K]`: the class probabilities are `softmax(x @ kernel + bias)`.

    The covariance is `(1 - shrinkage) * within-class scatter + shrinkage * identity`. With fewer clips than statistics
    the equations are solved in the space of the clips (Woodbury's identity).

    Args:
        x: `[clips, S]`, standardised.
        of_class: `[clips, K]`, one-hot classes; all 0 for a clip that is left out of the fit. A class without clips
            takes the mean of all clips as its own, and the prior of half a clip.
        shrinkage: in (0, 1].
    """
    count = jnp.sum(of_class, axis=0)
    total = jnp.sum(count)
    overall_mean = jnp.sum(of_class, axis=1) @ x / total
    means = jnp.where(
        count[:, None] > 0, of_class.T @ x / jnp.maximum(count, 1.0)[:, None], overall_mean[None]
    )  # [K, S]
    included = jnp.sum(of_class, axis=1, keepdims=True)
    inner = (included * x - of_class @ means) * jnp.sqrt((1.0 - shrinkage) / total)  # [clips, S]
    if len(x) < x.shape[1]:
        gram = shrinkage * jnp.eye(len(x), dtype=x.dtype) + inner @ inner.T
        kernel = (means.T - inner.T @ _solve(gram, inner @ means.T)) / shrinkage
    else:
        kernel = _solve(shrinkage * jnp.eye(x.shape[1], dtype=x.dtype) + inner.T @ inner, means.T)
    log_prior = jnp.log(jnp.maximum(count, 0.5) / total)
    return kernel, log_prior - 0.5 * jnp.sum(means.T * kernel, axis=0)


def temperature(x: Float[Array, "clips S"], of_class: Float[Array, "clips K"], shrinkage: float) -> Float[Array, ""]:
    """The number that logits are divided by, calibrated on held-out clips: `[]`.

    With many statistics a Gaussian model is overconfident. Logits of each quarter of the clips come from a fit to the
    other three, and the power of 2 ** 0.25 with the highest likelihood is chosen. A quarter holds consecutive clips of
    each class; as a speaker's clips are consecutive in a corpus, its speakers are mostly held out too.

    Args:
        x, of_class, shrinkage: as for `fit_lda`.
    """
    rank = jnp.cumsum(of_class, axis=0) * of_class  # from 1, within its class
    quarter = jnp.sum((rank - 1.0) * of_class * _PARTS / jnp.maximum(jnp.sum(of_class, axis=0), 1.0)[None], axis=1)

    def held_out(part: Int[Array, ""]) -> Float[Array, "clips K"]:
        outside = (quarter.astype(jnp.int32) != part).astype(x.dtype)
        kernel, bias = fit_lda(x, of_class * outside[:, None], shrinkage)
        return (x @ kernel + bias[None]) * (1.0 - outside)[:, None]

    logits = jnp.sum(jax.lax.map(held_out, jnp.arange(_PARTS)), axis=0)  # [clips, K]
    log_p = jax.nn.log_softmax(logits[None] / _TEMPERATURES[:, None, None])  # [temperatures, clips, K]
    return jnp.asarray(_TEMPERATURES)[jnp.argmax(jnp.sum(log_p * of_class[None], axis=(1, 2)))]


def _solve(matrix: Float[Array, "N N"], b: Float[Array, "N K"]) -> Float[Array, "N K"]:
    """`matrix^-1 b`, for a positive definite matrix."""
    return jax.scipy.linalg.cho_solve(jax.scipy.linalg.cho_factor(matrix, lower=True), b)
