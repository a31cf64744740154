"""Has a member's training collapsed? Judged on the host from its history, one row an epoch."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from voxjax.config import GuardConfig, Hyper

Row = Mapping[str, float]

_MARGIN = 0.3  # added to the true share of the commonest class, where classes are unbalanced


class Signs(NamedTuple):
    """What the predictions of one epoch look like beside the truth."""

    majority_fraction: float  # of clips that are given to one class
    majority_class: int  # that class
    entropy: float  # nats, of the histogram of predicted classes
    true_majority_fraction: float  # of the commonest true class
    true_entropy: float  # nats


def signs(predicted: np.ndarray, truth: np.ndarray, classes: int) -> Signs:
    """The signs of one epoch.

    Args:
        predicted, truth: integer `[n]`, n at least 1.
        classes: K.
    """
    given, true = (np.bincount(labels, minlength=classes) / len(labels) for labels in (predicted, truth))
    return Signs(float(given.max()), int(given.argmax()), _entropy(given), float(true.max()), _entropy(true))


def reason(config: GuardConfig, history: Sequence[Row], labels: Sequence[str]) -> str | None:
    """Why a member is held to have collapsed, in words; None while it is healthy.

    Args:
        config: the thresholds.
        history: the member's rows since it began, or was last rolled back.
        labels: names of the classes.
    """
    if not history:
        return None
    last = history[-1]
    if last["nonfinite_steps"] > 0.5 * last["steps"]:
        return _nonfinite(last)
    recent = [row for row in history if row["epoch"] > config.after_epochs][-config.patience_epochs :]
    if len(recent) < config.patience_epochs:
        return None
    for sign, words in _SIGNS:
        if all(sign(config, row) for row in recent):
            return f"{words(last, labels)} for {len(recent)} epochs"
    return None


def softened(config: GuardConfig, hyper: Hyper) -> Hyper:
    """The member's numbers after a recovery: a lower learning rate and a softer focal loss."""
    rate, gamma = hyper.learning_rate * config.rate_factor, hyper.focal_gamma * config.gamma_factor
    return dataclasses.replace(hyper, learning_rate=rate, focal_gamma=gamma)


def _one_class(config: GuardConfig, row: Row) -> bool:
    return row["majority_fraction"] > max(config.majority_fraction, min(row["true_majority_fraction"] + _MARGIN, 0.99))


def _few_classes(config: GuardConfig, row: Row) -> bool:
    return row["prediction_entropy"] < config.entropy_fraction * row["true_entropy"] and (
        row["majority_fraction"] > min(row["true_majority_fraction"] + _MARGIN, 0.99)
    )


def _vanished(config: GuardConfig, row: Row) -> bool:
    return row["gradient_norm"] < config.gradient_norm and row["nonfinite_steps"] < row["steps"]


def _some_nonfinite(config: GuardConfig, row: Row) -> bool:
    del config
    return row["nonfinite_steps"] > 0


def _said_class(row: Row, labels: Sequence[str]) -> str:
    share, true = row["majority_fraction"], row["true_majority_fraction"]
    name = labels[int(row["majority_class"])]
    return f"predicts '{name}' for {share:.0%} of validation clips (the commonest true class has {true:.0%})"


def _nonfinite(row: Row) -> str:
    count, steps = int(row["nonfinite_steps"]), int(row["steps"])
    return f"{count} of {steps} steps gave a non-finite loss or gradient (they were skipped)"


_SIGNS = (
    (_one_class, _said_class),
    (_few_classes, _said_class),
    (_vanished, lambda row, labels: f"the gradient's norm fell to {row['gradient_norm']:.1e}"),
    (_some_nonfinite, lambda row, labels: _nonfinite(row)),
)


def _entropy(shares: np.ndarray) -> float:
    some = shares[shares > 0]
    return float(-np.sum(some * np.log(some)))
