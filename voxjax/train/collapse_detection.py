"""Detection of collapsed training, on the host, from a member's history with one row per epoch."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from scipy import stats

from voxjax.config import GuardConfig, Hyper

Row = Mapping[str, float]

_ERROR = 0.01  # probability that chance among few validation clips looks like a collapse, at each check
_HIGHEST = 0.95  # limit of the fraction where one class is frequent, but for classes that are more frequent
_MARGIN = 0.3  # added to the true share of the most frequent class, where classes are unbalanced


class PredictionStatistics(NamedTuple):
    """The predicted classes of one epoch, compared with the true ones."""

    majority_fraction: float  # of clips that are predicted as the most frequent class
    majority_class: int
    entropy: float  # nats, of the histogram of predicted classes
    true_majority_fraction: float  # of the most frequent true class
    true_entropy: float  # nats


def prediction_statistics(
    predicted: Int[np.ndarray, " clips"], truth: Int[np.ndarray, " clips"], classes: int
) -> PredictionStatistics:
    """The statistics of one epoch.

    Args:
        predicted, truth: integer `[clips]`, at least one clip.
        classes: K.
    """
    given, true = (np.bincount(labels, minlength=classes) / len(labels) for labels in (predicted, truth))
    return PredictionStatistics(
        float(given.max()), int(given.argmax()), _entropy(given), float(true.max()), _entropy(true)
    )


def collapse_reason(config: GuardConfig, history: Sequence[Row], labels: Sequence[str], valid_clips: int) -> str | None:
    """Why a member counts as collapsed, as text; None while it is healthy.

    Args:
        config: the thresholds.
        history: the member's rows since it started, or was last rolled back.
        labels: names of the classes.
        valid_clips: on which the rows' fractions rest. A fraction of few clips is lowered to its 99 % confidence bound,
            so that three clips that are predicted alike are no collapse.
    """
    if not history:
        return None
    last = history[-1]
    if last["nonfinite_steps"] > 0.5 * last["steps"]:
        return _nonfinite_text(last)
    checked = [row for row in history if row["epoch"] > config.after_epochs]
    recent = [_with_bound(row, valid_clips) for row in checked[-config.patience_epochs :]]
    if len(recent) < config.patience_epochs:
        return None
    for sign, text in _SIGNS:
        if all(sign(config, row) for row in recent):
            return f"{text(last, labels)} for {len(recent)} epochs"
    return None


def lowest_fraction(fraction: float, clips: int) -> float:
    """The lower 99 % confidence bound of a fraction of independent clips (Clopper and Pearson 1934), 0 without any."""
    hits = round(fraction * clips)
    return float(stats.beta.ppf(_ERROR, hits, clips - hits + 1)) if hits else 0.0


def softened(config: GuardConfig, hyper: Hyper) -> Hyper:
    """The member's hyperparameters after a recovery: a lower learning rate and a softer focal loss."""
    rate, gamma = hyper.learning_rate * config.rate_factor, hyper.focal_gamma * config.gamma_factor
    return dataclasses.replace(hyper, learning_rate=rate, focal_gamma=gamma)


def _with_bound(row: Row, clips: int) -> Row:
    return {**row, "lowest_majority_fraction": lowest_fraction(row["majority_fraction"], clips)}


def _limit(row: Row) -> float:
    """The fraction of the most frequent class, above which it is predicted too often."""
    true = row["true_majority_fraction"]
    return min(true + _MARGIN, max(_HIGHEST, true))


def _one_class(config: GuardConfig, row: Row) -> bool:
    return row["lowest_majority_fraction"] > max(config.majority_fraction, _limit(row))


def _low_entropy(config: GuardConfig, row: Row) -> bool:
    return row["prediction_entropy"] < config.entropy_fraction * row["true_entropy"] and (
        row["lowest_majority_fraction"] > _limit(row)
    )


def _vanishing_gradient(config: GuardConfig, row: Row) -> bool:
    return row["gradient_norm"] < config.gradient_norm and row["nonfinite_steps"] < row["steps"]


def _some_nonfinite(config: GuardConfig, row: Row) -> bool:
    del config
    return row["nonfinite_steps"] > 0


def _class_text(row: Row, labels: Sequence[str]) -> str:
    fraction, true = row["majority_fraction"], row["true_majority_fraction"]
    name = labels[int(row["majority_class"])]
    return f"predicts '{name}' for {fraction:.0%} of validation clips (the most frequent true class has {true:.0%})"


def _nonfinite_text(row: Row) -> str:
    count, steps = int(row["nonfinite_steps"]), int(row["steps"])
    return f"{count} of {steps} steps gave a non-finite loss or gradient (they were skipped)"


_SIGNS = (
    (_one_class, _class_text),
    (_low_entropy, _class_text),
    (_vanishing_gradient, lambda row, labels: f"the gradient's norm fell to {row['gradient_norm']:.1e}"),
    (_some_nonfinite, lambda row, labels: _nonfinite_text(row)),
)


def _entropy(fractions: Float[np.ndarray, " K"]) -> float:
    some = fractions[fractions > 0]
    return float(-np.sum(some * np.log(some)))
