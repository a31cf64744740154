"""Each rule finds its own kind of curve, and no rule finds a healthy one."""

import dataclasses
import json
import re

import numpy as np
import pytest

from tests.reporting.test_run_report import run as example
from voxjax.evaluation import learning_curve_diagnostics
from voxjax.reporting import run_report

EPOCHS = 60


def rows(**columns):
    """A healthy run: everything levels off; `columns` overwrite whole columns."""
    time = np.arange(EPOCHS) / EPOCHS
    rise = 1.0 - np.exp(-6.0 * time)
    jitter = np.random.default_rng(0).normal(0.0, 0.006, EPOCHS)  # of averaged weights, as in runs on RAVDESS
    healthy = {
        "train_accuracy": 0.12 + 0.68 * rise,
        "valid_accuracy": 0.12 + 0.7 * rise + jitter,
        "valid_uar": 0.12 + 0.69 * rise + jitter,
        "valid_loss": 2.1 - 1.5 * rise,
        "nonfinite_steps": np.zeros(EPOCHS),
        "prediction_entropy": 0.8 + 1.2 * rise,
        "true_entropy": np.full(EPOCHS, 2.06),
    } | columns
    return [dict(zip(healthy, map(float, values), strict=True)) for values in zip(*healthy.values(), strict=True)]


def curve(valid_clips=115, planned=EPOCHS, validated=None, **columns):
    validated = valid_clips if validated is None else validated
    return learning_curve_diagnostics.Curve(rows(**columns), planned, valid_clips, validated, 8, 1.5e-3)


TIME = np.arange(EPOCHS) / EPOCHS
BOUNCING = 0.6 + np.random.default_rng(1).normal(0.0, 0.12, EPOCHS)
FALLING = np.concatenate([np.linspace(0.1, 0.8, 30), np.linspace(0.8, 0.55, 30)])
RIGHT = ("train_accuracy", "valid_accuracy", "valid_uar")
CASES = {
    "nonfinite": ({"nonfinite_steps": np.eye(EPOCHS)[40] * 7}, "7 steps .*learning_rate=0.00075"),
    "collapsed": (
        {"prediction_entropy": 0.7 + 0.0 * TIME, **dict.fromkeys(RIGHT, 0.25 + 0.0 * TIME)},
        r"spread as over 2\.0 classes, the truth as over 7\.8.*--config.loss=focal",
    ),
    "both_low": (
        {"train_accuracy": 0.15 + 0.1 * TIME, "valid_accuracy": 0.14 + 0.0 * TIME, "valid_uar": 0.14 + 0.0 * TIME},
        "Underfitting: 24% of training and 14% of validation .*chance 12%",
    ),
    "overfitting": (
        {"train_accuracy": 0.3 + 0.69 * (1 - np.exp(-9 * TIME))},
        "Overfitting: 99% of training clips are right but 82% of validation",
    ),
    "erratic": (
        {"valid_accuracy": BOUNCING, "valid_uar": 0.6 + 0.0 * TIME, "train_accuracy": 0.6 + 0.0 * TIME},
        "erratic: .* moves by .* points",
    ),
    "getting_worse": (
        {"valid_uar": FALLING, "valid_accuracy": FALLING, "train_accuracy": FALLING},
        r"fell by 2\d\.\d points after epoch 3\d: .*train.epochs=3\d",
    ),
    "overconfident": (
        {"valid_loss": np.concatenate([np.linspace(2, 0.6, 30), np.linspace(0.6, 0.95, 30)])},
        r"loss rose from 0.60 to 0.9\d while UAR held",
    ),
    "still_rising": (
        {"valid_uar": 0.1 + 0.7 * TIME, "valid_accuracy": 0.1 + 0.7 * TIME, "train_accuracy": 0.1 + 0.7 * TIME},
        "still rising .*train.epochs=90",
    ),
    "few_to_choose_by": ({"valid_clips": 25, "validated": 115}, "Only 25 validation clips: .*±10 points"),
}


def test_a_healthy_run_has_no_diagnostics():
    assert learning_curve_diagnostics.of(curve()) == []


@pytest.mark.parametrize("rule", CASES)
def test_each_rule_finds_only_its_own_curve(rule):
    changes, pattern = CASES[rule]
    (message,) = learning_curve_diagnostics.of(curve(**changes))
    assert message == learning_curve_diagnostics.RULES[rule](curve(**changes))

    assert re.search(pattern, message), message
    assert "--config." in message


def test_every_rule_has_a_case():
    assert set(CASES) == set(learning_curve_diagnostics.RULES)


def test_few_epochs_and_runs_that_stopped_early_have_no_diagnostics():
    assert learning_curve_diagnostics.of(curve()._replace(rows=rows()[:5])) == []
    rising = {"valid_uar": 0.1 + 0.7 * TIME, "valid_accuracy": 0.1 + 0.7 * TIME, "train_accuracy": 0.1 + 0.7 * TIME}
    assert learning_curve_diagnostics.of(curve(planned=200, **rising)) == []


def test_sampling_noise_of_a_small_validation_set_is_not_erratic():
    noisy = 0.7 + np.random.default_rng(2).normal(0.0, 0.05, EPOCHS)
    assert learning_curve_diagnostics.erratic(curve(valid_clips=30, valid_accuracy=noisy)) == ""
    assert learning_curve_diagnostics.erratic(curve(valid_clips=2_000, valid_accuracy=noisy)) != ""


@pytest.mark.parametrize("rule", sorted(set(CASES) - {"nonfinite", "few_to_choose_by"}))
def test_curves_over_few_validation_clips_are_not_read(rule):
    """Three clips can show any of these curves by chance."""
    changes, _ = CASES[rule]
    (message,) = learning_curve_diagnostics.of(curve(3, **changes))
    assert message.startswith("Only 3 validation clips")
    assert learning_curve_diagnostics.of(curve(3, validated=115, **changes))[0] != message


def test_rows_that_are_read_equal_the_written_ones():
    content = "".join(json.dumps(row) + "\n" for row in rows()).encode()
    assert learning_curve_diagnostics.read(content) == rows()
    with pytest.raises(ValueError):
        learning_curve_diagnostics.read(content[:-3])


def test_the_report_shows_the_diagnostics(tmp_path):
    run = example()
    run = dataclasses.replace(run, meta=run.meta | {"diagnostics": ["Overfitting: <look>."]})
    figures = run_report.write_report(tmp_path, run)
    assert "DIAGNOSTICS: Overfitting: <look>." in run_report.printout(figures)
    assert "<li>Overfitting: &lt;look&gt;.</li>" in (tmp_path / "report.html").read_text()
    assert json.loads((tmp_path / "metrics.json").read_text())["diagnostics"] == ["Overfitting: <look>."]
