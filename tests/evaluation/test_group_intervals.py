"""Intervals of classes and groups."""

import numpy as np
import pytest

from voxjax.evaluation import group_intervals
from voxjax.metrics import proportions

CONFUSION = np.array([[8, 2, 0], [1, 4, 0], [0, 0, 0]])


def test_recall_is_of_the_true_clips_and_precision_of_the_predicted_ones():
    found = group_intervals.of_classes(("calm", "sad", "angry"), CONFUSION)
    assert found["recall_ci"]["calm"] == pytest.approx(proportions.wilson(0.8, 10))
    assert found["precision_ci"]["calm"] == pytest.approx(proportions.wilson(8 / 9, 9))
    assert found["recall_ci"]["angry"] is None and found["precision_ci"]["angry"] is None


def test_a_label_that_is_never_predicted_has_a_recall_and_no_precision():
    found = group_intervals.of_classes(("calm", "sad"), np.array([[5, 0], [3, 0]]))
    assert found["recall_ci"]["sad"][0] == 0.0 and found["precision_ci"]["sad"] is None


def test_a_group_of_few_clips_has_a_wide_interval_and_an_unknown_one_none():
    truth = np.array([0, 1] * 20 + [0] + [1])
    groups = ["a"] * 40 + ["b", ""]
    found = group_intervals.of_groups(truth, truth, groups, 2)
    assert set(found) == {"a", "b"}
    assert found["a"] == pytest.approx(proportions.wilson(1.0, 40)) and found["b"][0] < 0.25
