"""Diagnostics of learning curves as text: the troubleshooting of the training guide, and further rules.

Each rule reads the rows of `metrics.jsonl` and returns a sentence with its finding and a remedy, or "".
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

Rows = Sequence[Mapping[str, Any]]

_ENOUGH_EPOCHS = 8  # with fewer, there are no diagnostics
_GAP = 0.15  # difference of training and validation accuracy that chance and augmentation do not explain
_LOW = 0.3  # of the way from chance to perfect
_RISE = 0.015  # of validation UAR, from the tenth of the epochs before the last tenth to that one
_FEW_CLASSES = 0.6  # of the entropy of the true classes, in nats
_LOSS_RISE = 1.15  # of validation loss, from its lowest to the end
# With fewer validation clips, one run in twenty differs from the truth by `_GAP`, and no rule reads them.
_ENOUGH_TO_READ = 30
ENOUGH_CLIPS = 80  # with these, two of three accuracies are within 5 points of the true one


class Curve(NamedTuple):
    """The learning curves of a run. Epochs are rows; members, folds and seeds are averaged."""

    rows: Rows
    planned: int  # epochs
    valid_clips: int  # for the choice of one member's epoch
    validated: int  # different validation clips of all folds, on which the rows rest
    classes: int
    learning_rate: float  # peak of the schedule

    def column(self, name: str) -> np.ndarray:
        """One figure for each epoch."""
        return np.array([row[name] for row in self.rows], np.float64)


def of(curve: Curve) -> list[str]:
    """The findings of all rules, in order; none for a healthy run, or one with few epochs."""
    if len(curve.rows) < _ENOUGH_EPOCHS:
        return []
    readable = curve.validated >= _ENOUGH_TO_READ
    rules = [rule for name, rule in RULES.items() if readable or name in _WITHOUT_VALIDATION]
    return [text for rule in rules if (text := rule(curve))]


def read(content: bytes) -> list[dict[str, Any]]:
    """The rows of a `metrics.jsonl`.

    Raises:
        ValueError: at damaged rows.
    """
    return [json.loads(line) for line in content.decode("utf-8").splitlines()]


def nonfinite(curve: Curve) -> str:
    """Steps with a non-finite loss or gradient, which do not change the weights."""
    count = int(curve.column("nonfinite_steps").sum())
    if not count:
        return ""
    half = curve.learning_rate / 2
    return (
        f"{count} steps had a loss or gradient that was not finite and were skipped: "
        f"try --config.hyper.learning_rate={half:g}."
    )


def collapsed(curve: Curve) -> str:
    """Predictions of only one or two classes, as of the guide's Advanced model."""
    given, true = (float(np.mean(_last(curve.column(f"{name}_entropy")))) for name in ("prediction", "true"))
    if given >= _FEW_CLASSES * true:
        return ""
    return (
        f"Collapsed: predictions are spread as over {np.exp(given):.1f} classes, the truth as over {np.exp(true):.1f}. "
        "Take the focal loss from log-probabilities (--config.loss=focal) with a hyper.focal_gamma of 2 or less, lower "
        "hyper.dropout, l2 and learning_rate, keep hyper.floor_fraction above 0, as configs/advanced.py does."
    )


def erratic(curve: Curve) -> str:
    """Validation accuracy that jumps: the guide's second check."""
    accuracy = _late(curve.column("valid_accuracy"))
    swing = float(np.mean(np.abs(np.diff(accuracy))))
    mean = float(np.clip(np.mean(accuracy), 0.05, 0.95))
    noise = np.sqrt(mean * (1.0 - mean) / curve.validated)
    if swing <= max(0.04, 1.5 * noise):
        return ""
    return (
        f"Validation accuracy is erratic: from epoch to epoch it moves by {_points(swing)} points in the second half. "
        f"Lower the rate (--config.hyper.learning_rate={curve.learning_rate / 2:g}), or average longer "
        "(--config.hyper.ema_decay=0.998)."
    )


def overfitting(curve: Curve) -> str:
    """Training accuracy far above validation accuracy: the guide's third check. Augmentation does not explain it."""
    train, valid = (float(np.mean(_last(curve.column(name)))) for name in ("train_accuracy", "valid_accuracy"))
    if train - valid <= _GAP:
        return ""
    return (
        f"Overfitting: {train:.0%} of training clips are right but {valid:.0%} of validation clips. Raise "
        "--config.hyper.dropout, head_dropout or weight_decay, augment more (hyper.vtlp, "
        "time_stretch, mixup_probability), take a smaller network, or add speakers."
    )


def both_low(curve: Curve) -> str:
    """Low training and validation accuracy: the guide's third check for underfitting."""
    chance = 1.0 / curve.classes
    train, valid = (float(np.mean(_last(curve.column(name)))) for name in ("train_accuracy", "valid_accuracy"))
    if (max(train, valid) - chance) / (1.0 - chance) > _LOW or collapsed(curve):
        return ""
    return (
        f"Underfitting: {train:.0%} of training and {valid:.0%} of validation clips are right (chance {chance:.0%}). "
        "Lower --config.hyper.dropout and head_dropout, raise hyper.learning_rate, train longer, or take a larger "
        "network; check labels and sound with scripts/inspect_data.py."
    )


def still_rising(curve: Curve) -> str:
    """A validation UAR that was still rising in the last epochs, by more than two clips."""
    uar = curve.column("valid_uar")
    tenth = max(2, len(uar) // 10)
    rise = float(np.mean(uar[-tenth:]) - np.mean(uar[-2 * tenth : -tenth]))
    if rise <= max(_RISE, 2.0 / curve.validated) or len(uar) < curve.planned:
        return ""
    return (
        f"Validation UAR was still rising when training ended, by {_points(rise)} points over the last {tenth} epochs: "
        f"try --config.train.epochs={round(1.5 * curve.planned)}."
    )


def getting_worse(curve: Curve) -> str:
    """A validation UAR that fell after its best epoch."""
    uar = np.convolve(curve.column("valid_uar"), np.full(3, 1 / 3), "valid")  # the spread of single epochs
    fall = float(np.max(uar) - uar[-1])
    noise = np.sqrt(0.25 / curve.validated)
    if fall <= max(0.05, 1.5 * noise):
        return ""
    best = int(np.argmax(uar)) + 2
    return (
        f"Validation UAR fell by {_points(fall)} points after epoch {best}: lower --config.hyper.learning_rate, or "
        f"stop earlier (--config.train.epochs={best}, or --config.train.keep=best)."
    )


def overconfident(curve: Curve) -> str:
    """A rising loss at an equal UAR: probabilities get worse, but not classes."""
    loss, uar = curve.column("valid_loss"), curve.column("valid_uar")
    if np.mean(_last(loss)) <= _LOSS_RISE * np.min(loss) or getting_worse(curve):
        return ""
    return (
        f"Validation loss rose from {np.min(loss):.2f} to {np.mean(_last(loss)):.2f} while UAR held at "
        f"{np.mean(_last(uar)):.0%}: the network grew overconfident. The temperature mends its probabilities; more "
        "--config.hyper.label_smoothing or mixup_probability prevents it."
    )


def few_to_choose_by(curve: Curve) -> str:
    """Too few validation clips to choose an epoch."""
    if curve.valid_clips >= ENOUGH_CLIPS:
        return ""
    error = float(np.sqrt(0.25 / curve.valid_clips))
    return (
        f"Only {curve.valid_clips} validation clips: their accuracy is known to ±{100 * error:.0f} points, so it can't "
        "tell epochs apart. Use --config.train.keep=last, or a larger --config.train.valid_fraction."
    )


# A new rule is a function and a row.
RULES: dict[str, Callable[[Curve], str]] = {
    "nonfinite": nonfinite,
    "collapsed": collapsed,
    "both_low": both_low,
    "overfitting": overfitting,
    "erratic": erratic,
    "getting_worse": getting_worse,
    "overconfident": overconfident,
    "still_rising": still_rising,
    "few_to_choose_by": few_to_choose_by,
}


_WITHOUT_VALIDATION = ("nonfinite", "few_to_choose_by")  # rules that do not read validation clips


def _late(values: np.ndarray) -> np.ndarray:
    """The second half of the epochs, when the rate falls."""
    return values[len(values) // 2 :]


def _last(values: np.ndarray) -> np.ndarray:
    """The last tenth of the epochs, at least two."""
    return values[-max(2, len(values) // 10) :]


def _points(fraction: float) -> str:
    return f"{100 * fraction:.1f}"
