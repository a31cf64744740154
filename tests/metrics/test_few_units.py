"""Intervals over few speakers or clips hold the true value as often as they say."""

import numpy as np
import pytest
from scipy import stats

from voxjax.metrics import classification, few_units

RECALLS = np.array([0.9, 0.6, 0.75])


def matrices(rows):
    """One confusion matrix per unit, from `[units, K, 2]` counts of right and wrong answers."""
    rows = np.asarray(rows)
    units, classes = rows.shape[:2]
    found = np.zeros((units, classes, classes), int)
    for k in range(classes):
        found[:, k, k], found[:, k, (k + 1) % classes] = rows[:, k, 0], rows[:, k, 1]
    return found


def drawn(random, units, clips, spread):
    """Units whose own recalls vary around `RECALLS` with an intraclass correlation of `spread`."""
    scale = (1.0 - spread) / spread
    own = random.beta(RECALLS * scale, (1.0 - RECALLS) * scale, size=(units, 3))
    right = random.binomial(clips, own)
    return matrices(np.stack([right, clips - right], axis=-1))


@pytest.mark.parametrize(("units", "clips"), [(3, 3), (6, 3), (6, 20), (15, 10)])
def test_intervals_over_few_speakers_hold_the_truth_where_a_bootstrap_does_not(units, clips):
    random, runs = np.random.default_rng(0), 200
    each = [drawn(random, units, clips, 0.08) for _ in range(runs)]
    assert np.mean([holds(few_units.uar_interval(counts)) for counts in each]) >= 0.94
    bootstrapped = [holds(classification.interval(counts, classification.uar)) for counts in each[:80]]
    assert units > 6 or np.mean(bootstrapped) < 0.92


def holds(ends):
    return ends[0] <= RECALLS.mean() <= ends[1]


def test_the_accuracy_of_single_clips_has_the_exact_binomial_interval():
    """2 of 3, 3 of 3 and 1 of 2 right: the first run of a new user."""
    single = [[[1, 0], [0, 0], [0, 0]]] * 6 + [[[0, 1], [0, 0], [0, 0]]] * 2
    expected = stats.binomtest(6, 8).proportion_ci(0.95, "exact")
    assert few_units.accuracy_interval(matrices(single)) == pytest.approx(list(expected))


def test_answers_that_are_all_right_leave_an_interval():
    right = matrices([[[1, 0], [1, 0], [1, 0]]] * 3)
    low, high = few_units.uar_interval(right)
    assert high == 1.0 and 0.05 < low < 0.7
    assert classification.interval(right, classification.uar) == [1.0, 1.0]


def test_one_clip_of_a_class_makes_uar_less_certain_than_accuracy():
    counts = matrices([[[5, 1], [5, 1], [0, 0]], [[4, 2], [6, 0], [0, 1]], [[6, 0], [4, 2], [0, 0]]] * 2)
    accuracy, uar = few_units.accuracy_interval(counts), few_units.uar_interval(counts)
    assert uar[1] - uar[0] > accuracy[1] - accuracy[0]


def test_few_units_or_few_clips_of_a_class_are_not_bootstrapped():
    assert few_units.applies(matrices([[[5, 1], [5, 1]]] * 19))
    assert not few_units.applies(matrices([[[5, 1], [5, 1]]] * 20))
    assert few_units.applies(matrices([[[5, 1], [0, 0]]] * 29 + [[[0, 0], [4, 5]]]))
    assert not few_units.applies(matrices([[[5, 1], [0, 0]]] * 29 + [[[0, 0], [5, 5]]]))
    assert not few_units.applies(matrices([[[5, 1], [0, 0]]] * 29))  # an absent class has no clips


def test_one_speaker_alone_says_next_to_nothing_about_others():
    low, high = few_units.accuracy_interval(matrices([[[30, 10], [30, 10]]]))
    assert high - low > 0.9


def reference(matrices, columns):
    """Both ends in plain steps: `columns` says how the classes of a matrix are joined."""
    hits = np.array([[sum(m[k, k] for k in group) for group in columns] for m in matrices], float)
    clips = np.array([[sum(m[k].sum() for k in group) for group in columns] for m in matrices], float)
    units, classes = hits.shape
    recalls = [hits[:, k].sum() / clips[:, k].sum() for k in range(classes)]
    mean = np.mean(recalls)
    independent = classes**2 / sum(1 / clips[:, k].sum() for k in range(classes))
    worth = 1.0
    if units > 1:
        moves = [
            np.mean([(hits[u, k] - recalls[k] * clips[u, k]) / clips[:, k].sum() for k in range(classes)])
            for u in range(units)
        ]
        variance = sum(move**2 for move in moves) * (units / (units - 1) if clips.sum() > units else 1)
        design = mean * (1 - mean) / variance if variance else independent
        few = stats.t.ppf(0.975, max(independent - 1, 1)) / stats.t.ppf(0.975, units - 1)
        worth = min(independent, design * few**2)
    right, wrong = mean * worth, (1 - mean) * worth
    low = stats.beta(right, wrong + 1).ppf(0.025) if right else 0
    return [low, stats.beta(right + 1, wrong).ppf(0.975) if wrong else 1]


CASES = {
    "two speakers": [[[5, 1], [5, 1], [2, 6]], [[4, 2], [6, 0], [1, 5]]],
    "five speakers": [[[5, 1], [9, 1], [2, 0]], [[4, 2], [6, 0], [1, 5]], [[0, 3], [4, 4], [0, 1]]] * 2,
    "a clip each": [[[1, 0], [0, 0]], [[0, 0], [0, 1]], [[0, 0], [1, 0]], [[0, 1], [0, 0]], [[1, 0], [0, 0]]],
    "nearly all wrong": [[[0, 9], [1, 9]], [[0, 5], [0, 7]], [[1, 9], [0, 3]]],
    "nearly all right": [[[9, 0], [9, 1]], [[5, 0], [7, 0]], [[9, 1], [3, 0]]],
    "all wrong": [[[0, 2], [0, 3]]] * 3,
    "one right of two": [[[1, 0], [0, 0]], [[0, 0], [0, 1]]],
    "one speaker": [[[3, 1], [2, 2]]],
    "an absent class": [[[3, 1], [0, 0], [2, 2]], [[1, 1], [0, 0], [4, 0]]],
}


@pytest.mark.parametrize("name", CASES)
def test_both_intervals_equal_a_reference_in_plain_steps(name):
    counts = matrices(CASES[name])
    classes = counts.shape[1]
    accuracy, uar = few_units.accuracy_interval(counts), few_units.uar_interval(counts)
    assert accuracy == pytest.approx(reference(counts, [range(classes)]), rel=1e-9, abs=1e-12)
    present = [[k] for k in range(classes) if counts[:, k].sum()]
    assert uar == pytest.approx(reference(counts, present), rel=1e-9, abs=1e-12)
    assert 0 <= accuracy[0] < accuracy[1] <= 1 and 0 <= uar[0] < uar[1] <= 1
