"""The collapse guard on synthetic histories: collapses are detected, healthy runs are not."""

import math

import numpy as np
import pytest
from scipy import stats

from voxjax.config import GuardConfig, Hyper
from voxjax.train import collapse_detection
from voxjax.train.collapse_detection import collapse_reason

LABELS = ("angry", "calm", "happy", "surprised")
CONFIG = GuardConfig()
CLIPS = 300  # for validation
LOG4 = math.log(4)


def row(epoch, majority=0.3, majority_class=3, entropy=1.3, true_majority_fraction=0.25, true_entropy=LOG4, **more):
    healthy = {"gradient_norm": 1.0, "nonfinite_steps": 0.0, "steps": 36.0}
    statistics = {"majority_fraction": majority, "majority_class": majority_class, "prediction_entropy": entropy}
    return {
        "epoch": epoch,
        **statistics,
        "true_majority_fraction": true_majority_fraction,
        "true_entropy": true_entropy,
        **healthy,
        **more,
    }


def history(*fractions, **more):
    return [row(i + 1, fraction, **more) for i, fraction in enumerate(fractions)]


def test_statistics_count_predictions_and_truth():
    statistics = collapse_detection.prediction_statistics(np.array([3, 3, 3, 1]), np.array([0, 1, 2, 3]), 4)
    assert (statistics.majority_fraction, statistics.majority_class, statistics.true_majority_fraction) == (
        0.75,
        3,
        0.25,
    )
    assert statistics.entropy == pytest.approx(-0.75 * math.log(0.75) - 0.25 * math.log(0.25))
    assert statistics.true_entropy == pytest.approx(math.log(4))


def test_one_class_over_patience_epochs_is_a_collapse_that_names_the_class():
    said = collapse_reason(CONFIG, history(*[0.3] * 5, 0.9, 0.95, 0.93), LABELS, CLIPS)
    assert said is not None and "'surprised' for 93%" in said and "3 epochs" in said


@pytest.mark.parametrize(
    "fractions",
    [
        [0.95, 0.95, 0.95, 0.95, 0.95, 0.9, 0.9],  # in the first epochs, which are not checked
        [0.3] * 5 + [0.9, 0.5, 0.9, 0.9],  # not in consecutive epochs
        [0.3] * 5 + [0.55] * 9,  # a preferred class, but no collapse
        [],
    ],
)
def test_histories_without_a_collapse(fractions):
    assert collapse_reason(CONFIG, history(*fractions), LABELS, CLIPS) is None


def test_on_an_unbalanced_corpus_the_majority_class_may_be_predicted_more_often():
    """Where 80 % of clips are of one class, predicting it for 95 % is no collapse; predicting it for all is."""
    rare = {"true_majority_fraction": 0.8, "true_entropy": 0.5, "entropy": 0.2}
    assert collapse_reason(CONFIG, history(*[0.95] * 12, **rare), LABELS, CLIPS) is None
    assert collapse_reason(CONFIG, history(*[1.0] * 12, **rare | {"entropy": 0.0}), LABELS, CLIPS) is not None


def test_two_balanced_classes():
    two = {"true_majority_fraction": 0.5, "true_entropy": math.log(2), "entropy": 0.6}
    assert collapse_reason(CONFIG, history(*[0.7] * 12, **two), LABELS, CLIPS) is None
    assert collapse_reason(CONFIG, history(*[0.99] * 12, **two | {"entropy": 0.05}), LABELS, CLIPS) is not None


def test_a_validation_set_of_one_class_is_never_a_collapse():
    one = {"true_majority_fraction": 1.0, "true_entropy": 0.0, "entropy": 0.0}
    statistics = collapse_detection.prediction_statistics(np.zeros(3, int), np.zeros(3, int), 4)
    assert statistics.true_entropy == 0 and statistics.true_majority_fraction == 1
    assert collapse_reason(CONFIG, history(*[0.99] * 12, **one), LABELS, CLIPS) is None


def test_vanishing_gradients_are_detected():
    said = collapse_reason(CONFIG, history(*[0.3] * 9, gradient_norm=2e-7), LABELS, CLIPS)
    assert said is not None and "2.0e-07" in said


def test_many_non_finite_steps_count_at_once_and_few_after_patience_epochs():
    most = [row(1, nonfinite_steps=30.0)]
    assert "30 of 36 steps" in str(collapse_reason(CONFIG, most, LABELS, CLIPS))
    few = history(*[0.3] * 6, nonfinite_steps=2.0)
    assert collapse_reason(CONFIG, few, LABELS, CLIPS) is None
    assert "2 of 36" in str(collapse_reason(CONFIG, history(*[0.3] * 8, nonfinite_steps=2.0), LABELS, CLIPS))


def test_softening_lowers_only_learning_rate_and_gamma():
    before = Hyper(learning_rate=1e-3, focal_gamma=2.0)
    after = collapse_detection.softened(CONFIG, before)
    assert (after.learning_rate, after.focal_gamma) == (5e-4, 1.0)
    assert {**vars(after), "learning_rate": 1e-3, "focal_gamma": 2.0} == vars(before)


def test_a_member_that_predicts_classes_as_often_as_they_occur_is_healthy():
    """In random predictions of which half or more are correct, no collapse is detected."""
    random = np.random.default_rng(0)
    for _ in range(50):
        truth = random.integers(0, 4, 200)
        predicted = np.where(random.random(200) < 0.5, truth, random.integers(0, 4, 200))
        statistics = collapse_detection.prediction_statistics(predicted, truth, 4)
        rows = [
            row(
                i + 1,
                statistics.majority_fraction,
                statistics.majority_class,
                statistics.entropy,
                statistics.true_majority_fraction,
                statistics.true_entropy,
            )
            for i in range(12)
        ]
        assert collapse_reason(CONFIG, rows, LABELS, CLIPS) is None


@pytest.mark.parametrize(("clips", "said"), [(3, False), (7, False), (8, True), (80, True)])
def test_few_validation_clips_of_one_class_are_no_collapse(clips, said):
    """Seven clips that are all predicted as one class are compatible with a fraction of 0.55; eight are not."""
    one = {"true_majority_fraction": 0.25, "entropy": 0.0}
    assert (collapse_reason(CONFIG, history(*[1.0] * 12, **one), LABELS, clips) is not None) == said


def test_the_lowest_fraction_is_the_bound_that_one_sample_in_a_hundred_passes():
    bound = collapse_detection.lowest_fraction(0.9, 40)
    assert stats.binom.sf(35, 40, bound) == pytest.approx(0.01)
    assert collapse_detection.lowest_fraction(0.0, 40) == 0.0
