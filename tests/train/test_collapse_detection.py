"""The collapse guard on drawn histories: what must be caught, and what must not."""

import math

import numpy as np
import pytest

from voxjax.config import GuardConfig, Hyper
from voxjax.train import collapse_detection
from voxjax.train.collapse_detection import collapse_reason

LABELS = ("angry", "calm", "happy", "surprised")
CONFIG = GuardConfig()
LOG4 = math.log(4)


def row(epoch, share=0.3, commonest=3, entropy=1.3, true_majority_fraction=0.25, true_entropy=LOG4, **more):
    healthy = {"gradient_norm": 1.0, "nonfinite_steps": 0.0, "steps": 36.0}
    signs = {"majority_fraction": share, "majority_class": commonest, "prediction_entropy": entropy}
    return {
        "epoch": epoch,
        **signs,
        "true_majority_fraction": true_majority_fraction,
        "true_entropy": true_entropy,
        **healthy,
        **more,
    }


def history(*shares, **more):
    return [row(i + 1, share, **more) for i, share in enumerate(shares)]


def test_signs_count_predictions_and_truth():
    signs = collapse_detection.prediction_statistics(np.array([3, 3, 3, 1]), np.array([0, 1, 2, 3]), 4)
    assert (signs.majority_fraction, signs.majority_class, signs.true_majority_fraction) == (0.75, 3, 0.25)
    assert signs.entropy == pytest.approx(-0.75 * math.log(0.75) - 0.25 * math.log(0.25))
    assert signs.true_entropy == pytest.approx(math.log(4))


def test_one_class_for_long_enough_is_a_collapse_and_is_named():
    said = collapse_reason(CONFIG, history(*[0.3] * 5, 0.9, 0.95, 0.93), LABELS)
    assert said is not None and "'surprised' for 93%" in said and "3 epochs" in said


@pytest.mark.parametrize(
    "shares",
    [
        [0.95, 0.95, 0.95, 0.95, 0.95, 0.9, 0.9],  # early on a weak model may do so
        [0.3] * 5 + [0.9, 0.5, 0.9, 0.9],  # not in a row
        [0.3] * 5 + [0.55] * 9,  # a leaning, no collapse
        [],
    ],
)
def test_what_is_no_collapse(shares):
    assert collapse_reason(CONFIG, history(*shares), LABELS) is None


def test_an_unbalanced_corpus_may_lean_on_its_commonest_class():
    """Where 80 % of clips are of one class, giving it 95 % is no collapse; giving it all is."""
    rare = {"true_majority_fraction": 0.8, "true_entropy": 0.5, "entropy": 0.2}
    assert collapse_reason(CONFIG, history(*[0.95] * 12, **rare), LABELS) is None
    assert collapse_reason(CONFIG, history(*[1.0] * 12, **rare | {"entropy": 0.0}), LABELS) is not None


def test_two_classes_that_are_balanced():
    two = {"true_majority_fraction": 0.5, "true_entropy": math.log(2), "entropy": 0.6}
    assert collapse_reason(CONFIG, history(*[0.7] * 12, **two), LABELS) is None
    assert collapse_reason(CONFIG, history(*[0.99] * 12, **two | {"entropy": 0.05}), LABELS) is not None


def test_a_validation_side_of_one_class_is_never_held_against_a_member():
    one = {"true_majority_fraction": 1.0, "true_entropy": 0.0, "entropy": 0.0}
    signs = collapse_detection.prediction_statistics(np.zeros(3, int), np.zeros(3, int), 4)
    assert signs.true_entropy == 0 and signs.true_majority_fraction == 1
    assert collapse_reason(CONFIG, history(*[0.99] * 12, **one), LABELS) is None


def test_vanishing_gradients_are_caught():
    said = collapse_reason(CONFIG, history(*[0.3] * 9, gradient_norm=2e-7), LABELS)
    assert said is not None and "2.0e-07" in said


def test_non_finite_steps_count_at_once_when_they_are_most_and_later_when_few():
    most = [row(1, nonfinite_steps=30.0)]
    assert "30 of 36 steps" in str(collapse_reason(CONFIG, most, LABELS))
    few = history(*[0.3] * 6, nonfinite_steps=2.0)
    assert collapse_reason(CONFIG, few, LABELS) is None
    assert "2 of 36" in str(collapse_reason(CONFIG, history(*[0.3] * 8, nonfinite_steps=2.0), LABELS))


def test_softening_lowers_rate_and_gamma_alone():
    before = Hyper(learning_rate=1e-3, focal_gamma=2.0)
    after = collapse_detection.softened(CONFIG, before)
    assert (after.learning_rate, after.focal_gamma) == (5e-4, 1.0)
    assert {**vars(after), "learning_rate": 1e-3, "focal_gamma": 2.0} == vars(before)


def test_a_member_that_spreads_its_answers_like_the_truth_is_healthy():
    """Over drawn confusions of members no worse than half right, nothing is caught."""
    random = np.random.default_rng(0)
    for _ in range(50):
        truth = random.integers(0, 4, 200)
        predicted = np.where(random.random(200) < 0.5, truth, random.integers(0, 4, 200))
        signs = collapse_detection.prediction_statistics(predicted, truth, 4)
        rows = [
            row(
                i + 1,
                signs.majority_fraction,
                signs.majority_class,
                signs.entropy,
                signs.true_majority_fraction,
                signs.true_entropy,
            )
            for i in range(12)
        ]
        assert collapse_reason(CONFIG, rows, LABELS) is None
