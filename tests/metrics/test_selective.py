"""The reject option: thresholds reach their target on the clips they were chosen on; test clips do not change them."""

import numpy as np
import pytest

from voxjax.metrics import selective


def predictions(seed=0, n=400):
    """Two classes; an answer of confidence c is right with probability c."""
    random = np.random.default_rng(seed)
    confidence = random.uniform(0.5, 1.0, n)
    truth = np.where(random.uniform(size=n) < confidence, 0, 1)
    return np.stack([confidence, 1 - confidence], 1), truth


def test_the_target_accuracy_is_reached_with_the_most_answers():
    probabilities, truth = predictions()
    least = selective.confidence_thresholds(probabilities, truth)
    for target, threshold in zip(selective.TARGETS, least, strict=True):
        got = selective.accuracy_and_coverage(probabilities, truth, threshold)
        assert got["accuracy"] >= target
        lower = np.unique(probabilities.max(1))
        for other in lower[lower < threshold]:
            assert selective.accuracy_and_coverage(probabilities, truth, other)["accuracy"] < target, (
                "no lower threshold reaches it"
            )
    assert np.all(np.diff(least) >= 0)


def test_on_calibrated_clips_new_ones_reach_the_target_too():
    least = selective.confidence_thresholds(*predictions(1, 4_000))
    for target, threshold in zip(selective.TARGETS, least, strict=True):
        assert selective.accuracy_and_coverage(*predictions(2, 4_000), threshold)["accuracy"] > target - 0.03


def test_all_clips_are_accepted_where_all_reach_the_target_and_none_where_none_do():
    sure = np.tile([0.9, 0.1], (30, 1))
    assert selective.confidence_thresholds(sure, np.zeros(30, int)).tolist() == [0.0] * 3
    wrong = selective.confidence_thresholds(sure, np.ones(30, int))
    assert np.isnan(wrong).all()
    assert selective.accuracy_and_coverage(sure, np.zeros(30, int), wrong[0]) == {
        "coverage": 0.0,
        "accuracy": None,
        "n": 0,
    }


def test_fewer_than_ten_answers_give_no_threshold():
    probabilities = np.stack([np.linspace(0.9, 0.6, 30), np.linspace(0.1, 0.4, 30)], 1)
    truth = (np.arange(30) >= 9).astype(int)  # the nine most confident are right, the rest wrong
    assert selective.confidence_thresholds(probabilities, truth, [0.9, 0.95])[0] == pytest.approx(probabilities[9, 0])
    assert np.isnan(selective.confidence_thresholds(probabilities, truth, [0.95])[0])


def test_each_clip_has_the_threshold_of_its_fold():
    probabilities = np.array([[0.7, 0.3], [0.7, 0.3], [0.2, 0.8]])
    got = selective.accuracy_and_coverage(probabilities, np.array([0, 1, 1]), np.array([0.6, 0.75, np.nan]))
    assert got == {"coverage": pytest.approx(1 / 3), "accuracy": 1.0, "n": 1}


def test_clips_of_equal_confidence_are_accepted_together():
    """Ten sure clips are right. Of the four at 0.6, the first two are; with all of them, 12 of 14 are."""
    confidence = np.array([0.9] * 10 + [0.6] * 4 + [0.55])
    truth = np.array([0] * 12 + [1] * 3)
    for order in (np.arange(15), np.arange(15)[::-1]):
        probabilities = np.stack([confidence, 1 - confidence], 1)[order]
        least = selective.confidence_thresholds(probabilities, truth[order], [0.86, 12 / 14, 0.8])
        assert least.tolist() == [0.9, 0.6, 0.0]
    assert selective.TARGETS == (0.7, 0.8, 0.9)


@pytest.mark.parametrize("right", [9, 10])
def test_the_threshold_itself_is_accepted_and_ten_answers_are_enough(right):
    probabilities = np.stack([np.linspace(0.9, 0.6, 12), np.linspace(0.1, 0.4, 12)], 1)
    truth = (np.arange(12) >= right).astype(int)
    (least,) = selective.confidence_thresholds(probabilities, truth, [1.0])
    assert np.isnan(least) if right == 9 else least == probabilities[9, 0]
    at = selective.accuracy_and_coverage(probabilities, truth, probabilities[right - 1, 0])
    assert at == {"coverage": right / 12, "accuracy": 1.0, "n": right}
    more = selective.accuracy_and_coverage(probabilities, truth, probabilities[11, 0])
    assert more == {"coverage": 1.0, "accuracy": right / 12, "n": 12}
