"""What a run's curves say, in words: the training guide's troubleshooting as code, and a little more.

Every rule reads the rows of `metrics.jsonl` and returns a sentence with what it found and what to change, or nothing.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

Rows = Sequence[Mapping[str, Any]]

_ENOUGH_EPOCHS = 8  # fewer make no curve
_GAP = 0.15  # training accuracy above validation accuracy by so much is more than chance and augmentation explain
_LOW = 0.3  # of the way from chance to perfect
_RISE = 0.015  # of validation UAR, from the tenth of the epochs before the last tenth to that one
_FEW_CLASSES = 0.6  # of the entropy of the true classes, in nats
_LOSS_RISE = 1.15  # of validation loss, from its lowest to the end
ENOUGH_CLIPS = 80  # to choose by: two in three such answers lie within 5 points of the truth


class Curve(NamedTuple):
    """A run as its rules see it. Epochs are rows; members, folds and seeds are averaged."""

    rows: Rows
    planned: int  # epochs
    valid_clips: int  # that one member is chosen by
    classes: int
    learning_rate: float  # peak of the schedule

    def column(self, name: str) -> np.ndarray:
        """One figure over the epochs."""
        return np.array([row[name] for row in self.rows], np.float64)


def of(curve: Curve) -> list[str]:
    """The answers of all rules, in their order; none for a healthy run, or one of a few epochs."""
    if len(curve.rows) < _ENOUGH_EPOCHS:
        return []
    return [text for rule in RULES.values() if (text := rule(curve))]


def read(metrics: Path) -> list[dict[str, Any]]:
    """The rows of a `metrics.jsonl`."""
    return [json.loads(line) for line in metrics.read_text().splitlines()]


def nonfinite(curve: Curve) -> str:
    """Steps whose loss or gradient overflowed changed no weight, but wasted their clips."""
    count = int(curve.column("nonfinite_steps").sum())
    if not count:
        return ""
    half = curve.learning_rate / 2
    return (
        f"{count} steps had a loss or gradient that was not finite and were skipped: "
        f"try --config.hyper.learning_rate={half:g}."
    )


def collapsed(curve: Curve) -> str:
    """The guide's Advanced model: predictions fall into one or two classes and stay there."""
    given, true = (float(np.mean(_last(curve.column(f"{name}_entropy")))) for name in ("prediction", "true"))
    if given >= _FEW_CLASSES * true:
        return ""
    return (
        f"Collapsed: predictions are spread as over {np.exp(given):.1f} classes, the truth as over {np.exp(true):.1f}. "
        "Take the focal loss from log-probabilities (--config.loss=focal) with a hyper.focal_gamma of 2 or less, lower "
        "hyper.dropout, l2 and learning_rate, keep hyper.floor_fraction above 0, as configs/advanced.py does."
    )


def erratic(curve: Curve) -> str:
    """The guide's second check: validation accuracy should rise steadily."""
    accuracy = _late(curve.column("valid_accuracy"))
    swing = float(np.mean(np.abs(np.diff(accuracy))))
    mean = float(np.clip(np.mean(accuracy), 0.05, 0.95))
    noise = np.sqrt(mean * (1.0 - mean) / curve.valid_clips)
    if swing <= max(0.04, 1.5 * noise):
        return ""
    return (
        f"Validation accuracy is erratic: from epoch to epoch it moves by {_points(swing)} points in the second half. "
        f"Lower the rate (--config.hyper.learning_rate={curve.learning_rate / 2:g}), or average longer "
        "(--config.hyper.ema_decay=0.998)."
    )


def overfitting(curve: Curve) -> str:
    """The guide's third check. Training clips are augmented and mixed, so a gap is not of their making."""
    train, valid = (float(np.mean(_last(curve.column(name)))) for name in ("train_accuracy", "valid_accuracy"))
    if train - valid <= _GAP:
        return ""
    return (
        f"Overfitting: {train:.0%} of training clips are right but {valid:.0%} of validation clips. Raise "
        "--config.hyper.dropout, head_dropout or weight_decay, augment more (hyper.vtlp, "
        "time_stretch, mixup_probability), take a smaller network, or add speakers."
    )


def both_low(curve: Curve) -> str:
    """The guide's third check, the other way round."""
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
    """More epochs would have paid."""
    uar = curve.column("valid_uar")
    tenth = max(2, len(uar) // 10)
    rise = float(np.mean(uar[-tenth:]) - np.mean(uar[-2 * tenth : -tenth]))
    if rise <= _RISE or len(uar) < curve.planned:
        return ""
    return (
        f"Validation UAR was still rising when training ended, by {_points(rise)} points over the last {tenth} epochs: "
        f"try --config.train.epochs={round(1.5 * curve.planned)}."
    )


def getting_worse(curve: Curve) -> str:
    """Validation UAR fell again after its best."""
    uar = np.convolve(curve.column("valid_uar"), np.full(3, 1 / 3), "valid")  # what single epochs hide
    fall = float(np.max(uar) - uar[-1])
    noise = np.sqrt(0.25 / curve.valid_clips)
    if fall <= max(0.05, 1.5 * noise):
        return ""
    best = int(np.argmax(uar)) + 2
    return (
        f"Validation UAR fell by {_points(fall)} points after epoch {best}: lower --config.hyper.learning_rate, or "
        f"stop earlier (--config.train.epochs={best}, or --config.train.keep=best)."
    )


def overconfident(curve: Curve) -> str:
    """Loss rises though the answers do not get worse: probabilities, not classes, go wrong."""
    loss, uar = curve.column("valid_loss"), curve.column("valid_uar")
    if np.mean(_last(loss)) <= _LOSS_RISE * np.min(loss) or getting_worse(curve):
        return ""
    return (
        f"Validation loss rose from {np.min(loss):.2f} to {np.mean(_last(loss)):.2f} while UAR held at "
        f"{np.mean(_last(uar)):.0%}: the network grew overconfident. The temperature mends its probabilities; more "
        "--config.hyper.label_smoothing or mixup_probability prevents it."
    )


def few_to_choose_by(curve: Curve) -> str:
    """A choice among epochs by a few clips is a draw of lots."""
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


def _late(values: np.ndarray) -> np.ndarray:
    """The second half of the epochs, when the rate falls."""
    return values[len(values) // 2 :]


def _last(values: np.ndarray) -> np.ndarray:
    """The last tenth of the epochs, two at least."""
    return values[-max(2, len(values) // 10) :]


def _points(fraction: float) -> str:
    return f"{100 * fraction:.1f}"
