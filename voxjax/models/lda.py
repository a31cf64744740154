"""Linear discriminant analysis (LDA) on a clip's statistics, fitted in closed form.

Each class is modelled as a Gaussian; all share one covariance, which is shrunk towards the identity matrix (Fisher
1936; Friedman 1989). With few speakers such a generative model needs less data than a discriminatively trained
classifier (Ng and Jordan 2001).
"""

import dataclasses
from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from voxjax.config import in_range
from voxjax.encoders.tensors import Params
from voxjax.models.encoder_statistics import statistics
from voxjax.models.layers import DropoutRates

_PARTS = 4  # of the clips, each held out once to choose the temperature
PRIOR_LABELLED = (
    4.0  # labelled clips that a class mean of the corpus counts as, chosen as `speaker_centring.PRIOR_CLIPS`
)
_LEAST_EIGENVALUE = 1e-4  # of the class means' products, relative to the largest: their mean is near 0
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
        if self.is_initializing():  # used by enrolment alone, and absent from models of before
            self.param("gram", nn.initializers.zeros, (self.classes, self.classes))
        return x @ kernel + bias[None]

    def fit(
        self, x: Float[Array, "clips T C"], mask: Bool[Array, "clips T"], labels: Int[Array, " clips"]
    ) -> dict[str, Float[Array, "..."]]:
        """Weights from standardised training clips: `[clips, T, C]`, bool `[clips, T]` and int32 `[clips]`."""
        x, of_class = statistics(x, mask), jax.nn.one_hot(labels, self.classes)
        kernel, bias = fit_lda(x, of_class, self.options.shrinkage)
        scale = temperature(x, of_class, self.options.shrinkage)
        return {"kernel": kernel / scale, "bias": bias / scale, "gram": class_means(x, of_class) @ kernel / scale}


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
    means = class_means(x, of_class)  # [K, S]
    included = jnp.sum(of_class, axis=1, keepdims=True)
    inner = (included * x - of_class @ means) * jnp.sqrt((1.0 - shrinkage) / total)  # [clips, S]
    if len(x) < x.shape[1]:
        gram = shrinkage * jnp.eye(len(x), dtype=x.dtype) + inner @ inner.T
        kernel = (means.T - inner.T @ _solve(gram, inner @ means.T)) / shrinkage
    else:
        kernel = _solve(shrinkage * jnp.eye(x.shape[1], dtype=x.dtype) + inner.T @ inner, means.T)
    log_prior = jnp.log(jnp.maximum(count, 0.5) / total)
    return kernel, log_prior - 0.5 * jnp.sum(means.T * kernel, axis=0)


def class_means(x: Float[Array, "clips S"], of_class: Float[Array, "clips K"]) -> Float[Array, "K S"]:
    """The mean of each class, that of all clips for a class without any; arguments as for `fit_lda`."""
    count = jnp.sum(of_class, axis=0)
    overall_mean = jnp.sum(of_class, axis=1) @ x / jnp.sum(count)
    return jnp.where(count[:, None] > 0, of_class.T @ x / jnp.maximum(count, 1.0)[:, None], overall_mean[None])


def for_labelled_clips(
    params: Params, logits: Float[np.ndarray, "clips K"], labels: Int[np.ndarray, " clips"]
) -> dict[str, Float[np.ndarray, "..."]]:
    """The weights for one person, of whom some clips are labelled: the class means are moved towards the person's.

    A class of n labelled clips takes the mean (n * the person's + 4 * the corpus's) / (n + 4), the maximum a posteriori
    estimate under a Gaussian prior (Gauvain and Lee 1994), within the space of the discriminant directions.

    Args:
        params: of a fit, with `gram`, the products of the class means under the inverse covariance.
        logits: of the labelled clips under these weights.
        labels: integers, their classes.
    """
    kernel, bias, gram = (np.asarray(params[name], np.float64) for name in ("kernel", "bias", "gram"))
    update = class_mean_update(bias, gram, logits, labels)
    changed = {"kernel": kernel @ update.matrix, "bias": update.bias, "gram": gram}
    return {name: value.astype(np.float32) for name, value in changed.items()}


class LogitUpdate(NamedTuple):
    """New logits are `(logits - old bias) @ matrix + bias`."""

    matrix: Float[np.ndarray, "K K"]
    bias: Float[np.ndarray, " K"]


def class_mean_update(
    bias: Float[np.ndarray, " K"],
    gram: Float[np.ndarray, "K K"],
    logits: Float[np.ndarray, "clips K"],
    labels: Int[np.ndarray, " clips"],
) -> LogitUpdate:
    """`for_labelled_clips` as an update of the logits; arguments as there, float64."""
    scores, means = logits - bias, gram.copy()  # projected on the discriminant directions, [clips, K] and [K, K]
    for label in np.unique(labels):
        own = scores[labels == label]
        means[label] += len(own) / (len(own) + PRIOR_LABELLED) * (own.mean(axis=0) - gram[label])
    inverse = np.linalg.pinv(gram, rcond=_LEAST_EIGENVALUE, hermitian=True)
    log_prior = bias + 0.5 * np.diag(gram)
    return LogitUpdate(inverse @ means.T, log_prior - 0.5 * np.einsum("ki,ij,kj->k", means, inverse, means))


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
