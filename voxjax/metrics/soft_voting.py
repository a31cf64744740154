"""Soft voting: the weighted mean of the members' probabilities, its weights, and the diversity of the members."""

from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from voxjax.errors import VoxJaxError, mismatch

_PRIOR_CLIPS = 20.0  # weight of the prior for equal weights: validation sets are small
_LEAST_PROBABILITY = 1e-300  # probabilities are at least this, so that logarithms are finite
_STEPS = 500  # of expectation maximisation; each raises the likelihood


def soft_vote(
    logits: Float[np.ndarray, "M clips K"],
    weights: Float[np.ndarray, " weights"],
    available: Bool[np.ndarray, "M clips"] | None = None,
) -> Float[np.ndarray, "clips K"]:
    """Logarithms of the vote's probabilities, float64: `[M, clips, K], [M] -> [clips, K]`.

    Args:
        logits: of each member for each clip, or log-probabilities; any number where `available` is false, NaN too.
        weights: of the members, in any unit.
        available: bool `[M, clips]`, whether the clip has any modality that the member uses. The weight of members for
            which it is false goes to the rest; a clip without any such member gets equal probabilities. None: all true.

    Raises:
        VoxJaxError: as `weighted_mean` does.
    """
    logits = np.asarray(logits, np.float64)
    if available is not None:
        logits = np.where(available[..., None], logits, 0.0)
    probabilities = softmax(logits)
    return np.log(np.maximum(weighted_mean(probabilities, weights, available), _LEAST_PROBABILITY))


def weighted_mean(
    probabilities: Float[np.ndarray, "M clips K"],
    weights: Float[np.ndarray, " weights"],
    available: Bool[np.ndarray, "M clips"] | None = None,
) -> Float[np.ndarray, "clips K"]:
    """The weighted mean of the members' probabilities: `[M, clips, K], [M] -> [clips, K]`.

    Args:
        probabilities: of each member for each clip, finite.
        weights, available: as for `soft_vote`.

    Raises:
        VoxJaxError: at weights that are negative, not finite, all zero, or not one per member.
    """
    weights = np.asarray(weights, np.float64)
    if (
        weights.shape != (len(probabilities),)
        or not np.isfinite(weights).all()
        or weights.min() < 0
        or not weights.sum()
    ):
        expected = f"{len(probabilities)} numbers of at least 0, not all 0"
        raise VoxJaxError(mismatch("weights of a vote", expected, weights.tolist(), "give one per member"))
    counted = np.broadcast_to(weights[:, None], probabilities.shape[:2])  # [M, clips]
    if available is not None:
        counted = np.where(available, counted, 0.0)
    total = counted.sum(axis=0)  # [clips]
    mean = np.einsum("mn,mnk->nk", counted / np.where(total > 0, total, 1.0), probabilities)
    return np.where(total[:, None] > 0, mean, 1.0 / probabilities.shape[-1])


def disagreement(
    logits: Float[np.ndarray, "M clips K"],
    weights: Float[np.ndarray, " weights"],
    available: Bool[np.ndarray, "M clips"],
) -> Float[np.ndarray, " clips"]:
    """How far the members of a vote are apart: `[M, clips, K], [M] -> [clips]`, from 0 for equal answers to 1.

    The entropy of the vote less the mean entropy of its members, relative to log K: the generalised Jensen-Shannon
    divergence (Lin 1991), in ensembles the part of the uncertainty that is due to the model (Depeweg et al. 2018).

    Args:
        logits, weights, available: as for `soft_vote`.

    Returns:
        NaN where fewer than two members with a weight are available.
    """
    probabilities = softmax(np.where(available[..., None], np.asarray(logits, np.float64), 0.0))
    mean = weighted_mean(probabilities, weights, available)
    own = weighted_mean(entropy(probabilities)[..., None], weights, available)[:, 0]
    counted = available & (np.asarray(weights) > 0)[:, None]
    return np.where(counted.sum(axis=0) > 1, np.maximum(entropy(mean) - own, 0.0), np.nan)


def entropy(probabilities: Float[np.ndarray, "*shape K"]) -> Float[np.ndarray, "*shape"]:
    """Entropy relative to that of equal probabilities: `[..., K] -> [...]`, from 0 (certain) to 1 (all equal)."""
    classes = probabilities.shape[-1]
    if classes == 1:
        return np.zeros(probabilities.shape[:-1])
    logarithms = np.log(np.maximum(probabilities, _LEAST_PROBABILITY))
    return np.asarray(np.maximum(-(probabilities * logarithms).sum(axis=-1) / np.log(classes), 0.0))


def with_equal_priors(
    probabilities: Float[np.ndarray, "clips K"], frequencies: Float[np.ndarray, "clips K"]
) -> Float[np.ndarray, "clips K"]:
    """Probabilities under equal class priors: `[clips, K], [clips, K] -> [clips, K]`.

    A network's probabilities include the class priors of its training clips. UAR weights all classes equally, and its
    expectation is greatest where each probability is divided by its class prior (Menon et al. 2021).

    Args:
        probabilities: of each clip.
        frequencies: of each class among the training clips of the clip's network, above 0, in any unit.

    Raises:
        VoxJaxError: at a frequency that is not above 0.
    """
    if not (frequencies > 0).all():
        found = "a class without training clips"
        raise VoxJaxError(mismatch("equal priors", "clips of each class", found, "leave the class out, or the priors"))
    adjusted = probabilities / frequencies
    return adjusted / adjusted.sum(axis=1, keepdims=True)


def equal_weights(
    probabilities: Float[np.ndarray, "M clips K"], targets: Int[np.ndarray, " clips"]
) -> Float[np.ndarray, " M"]:
    """The same weight for each member, as in the training guide: `[M]`, summing to 1."""
    del targets
    return np.full(len(probabilities), 1.0 / len(probabilities))


def validation_weights(
    probabilities: Float[np.ndarray, "M clips K"], targets: Int[np.ndarray, " clips"]
) -> Float[np.ndarray, " M"]:
    """The weights that maximise the likelihood of the validation clips under the vote, with a prior for equal weights.

    A vote is a mixture, and its proportions are fitted by expectation maximisation (Dempster et al. 1977). The
    Dirichlet prior has the weight of 20 clips.

    Args:
        probabilities: `[M, clips, K]`, of validation clips.
        targets: integer `[clips]`, their true classes.

    Returns:
        `[M]`, at least 0, summing to 1.
    """
    members, clips = probabilities.shape[:2]
    likelihood = np.maximum(probabilities[:, np.arange(clips), targets].astype(np.float64), 1e-300)  # [M, clips]
    weights = np.full(members, 1.0 / members)
    for _ in range(_STEPS):
        joint = weights[:, None] * likelihood
        counts = (joint / joint.sum(axis=0)).sum(axis=1) + _PRIOR_CLIPS / members
        weights = counts / counts.sum()
    return weights


WEIGHTINGS: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "equal": equal_weights,
    "validation": validation_weights,
}


def diversity(predicted: Int[np.ndarray, "M clips"], truth: Int[np.ndarray, " clips"]) -> dict[str, Any]:
    """Diversity of members (Kuncheva and Whitaker 2003).

    Args:
        predicted: integer `[M, clips]`.
        truth: integer `[clips]`.

    Returns:
        `disagreement`, the mean fraction of clips on which two members differ; `error_correlation`, the mean
        correlation of two members' errors, None where no pair has one; and the matrices `[M][M]` of both.
    """
    members = len(predicted)
    disagreement = np.mean(predicted[:, None, :] != predicted[None, :, :], axis=-1)
    wrong = predicted != truth
    correlation = [[_correlation(a, b) for b in wrong] for a in wrong]
    pairs = [(i, j) for i in range(members) for j in range(i)]
    known = [value for i, j in pairs if (value := correlation[i][j]) is not None]
    return {
        "disagreement": float(np.mean([disagreement[pair] for pair in pairs])) if pairs else 0.0,
        "error_correlation": float(np.mean(known)) if known else None,
        "disagreement_matrix": disagreement.tolist(),
        "error_correlation_matrix": correlation,
    }


def _correlation(a: Bool[np.ndarray, " clips"], b: Bool[np.ndarray, " clips"]) -> float | None:
    """Pearson correlation of two bool `[clips]`; None where one is constant."""
    if a.all() or b.all() or not a.any() or not b.any():
        return None
    return float(np.corrcoef(a, b)[0, 1])


def softmax(x: Float[np.ndarray, "*shape K"]) -> Float[np.ndarray, "*shape K"]:
    """Softmax over the last axis: `[..., K] -> [..., K]`. Importing SciPy's would slow the predictor's start."""
    exponentials = np.exp(x - x.max(axis=-1, keepdims=True))
    return exponentials / exponentials.sum(axis=-1, keepdims=True)
