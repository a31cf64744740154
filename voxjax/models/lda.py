"""Linear discriminant analysis (LDA) on a clip's statistics, fitted in closed form.

Each class is modelled as a Gaussian; all share one covariance, which is shrunk towards the identity matrix (Fisher
1936; Friedman 1989). With few speakers such a generative model needs less data than a discriminatively trained
classifier (Ng and Jordan 2001). The equations are in `models.discriminant_fit`.
"""

import dataclasses
from collections.abc import Mapping
from typing import NamedTuple

import flax.linen as nn
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from voxjax.config_schema import check_fields, choice, in_range
from voxjax.encoders.tensors import Params
from voxjax.models import discriminant_chunks, discriminant_values
from voxjax.models.closed_form import TrainingClips
from voxjax.models.discriminant_fit import Strengths
from voxjax.models.encoder_statistics import statistics
from voxjax.models.layers import DropoutRates

PRIOR_LABELLED = (
    4.0  # labelled clips that a class mean of the corpus counts as, chosen as `speaker_centring.PRIOR_CLIPS`
)
SEARCHED = ("shrinkage", "nuisance")  # options that a search may try, at the cost of little more than one fit
_LEAST_EIGENVALUE = 1e-4  # of the class means' products, relative to the largest: their mean is near 0


@dataclasses.dataclass(frozen=True)
class Options:
    """How the model is fitted."""

    shrinkage: float = 0.8  # weight of the identity matrix in the within-class covariance
    # Weight of the covariance of augmented copies around their clips, relative to the within-class covariance. With 0
    # the copies are further clips.
    nuisance: float = 0.0
    priors: str = choice("clips", "clips", "even")  # class probabilities before a clip: as among the clips, or equal

    def __post_init__(self) -> None:
        in_range("config.model.shrinkage", self.shrinkage, 1e-3, 1.0)
        in_range("config.model.nuisance", self.nuisance, 0.0, 1e3)
        check_fields(self, "config.model")


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

    def fit(self, clips: TrainingClips) -> dict[str, Float[Array, "..."]]:
        """Weights from standardised training clips, calibrated: logits are divided by their temperature."""
        return fit_rows(self.options, self._rows(clips))

    def try_values(
        self, clips: TrainingClips, kept: Bool[Array, " clips"], values: Mapping[str, Float[Array, " values"]]
    ) -> Float[Array, "values clips K"]:
        """Logits, not calibrated, of all clips by fits to the kept ones with several values of `SEARCHED`."""
        return try_rows(self.options, self._rows(clips), kept, values)

    def _rows(self, clips: TrainingClips) -> discriminant_chunks.Rows:
        """The statistics of the clips, read as the clips are."""
        return discriminant_chunks.Rows(
            lambda numbers, copy: statistics(*clips.read(numbers, copy)),
            jnp.asarray(clips.labels),
            self.classes,
            clips.copies,
        )


def fit_rows(options: Options, rows: discriminant_chunks.Rows) -> dict[str, Float[Array, "..."]]:
    """The calibrated weights of a discriminant of these statistics."""
    found = discriminant_chunks.fit(rows, options.shrinkage, options.nuisance, options.priors == "even")
    return {"kernel": found.kernel, "bias": found.bias, "gram": found.gram}


def try_rows(
    options: Options,
    rows: discriminant_chunks.Rows,
    kept: Bool[Array, " clips"],
    values: Mapping[str, Float[Array, " values"]],
) -> Float[Array, "values clips K"]:
    """Logits, not calibrated, of all rows by fits to the kept ones with several values of `SEARCHED`."""
    size = next(iter(values.values())).size
    every = {name: jnp.full(size, getattr(options, name)) for name in SEARCHED} | dict(values)
    strengths = Strengths(every["shrinkage"], every["nuisance"])
    differences = "nuisance" in values or options.nuisance > 0.0
    return discriminant_values.logits(rows, kept, strengths, differences, options.priors == "even")


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
