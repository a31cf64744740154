"""Smoothing: the best of all sequences, and the median of neighbours."""

import itertools

import numpy as np
import pytest

from voxjax.inference.smoothing import SMOOTHING, median, viterbi


def case(seed, windows=6, classes=3):
    random = np.random.default_rng(seed)
    scores = np.log(random.dirichlet(np.ones(classes), windows))
    return (
        scores,
        random.uniform(0.3, 1.0, windows),
        np.where(random.random(windows) < 0.5, 0.0, random.random(windows)),
    )


def worth(labels, scores, weights, pauses_s, cost, memory_s):
    """The sum of weighted log-probabilities of a sequence, less the cost of its changes."""
    total = sum(weights[i] * scores[i, label] for i, label in enumerate(labels))
    changes = [i for i in range(1, len(labels)) if labels[i] != labels[i - 1]]
    return total - sum(cost * np.exp(-pauses_s[i] / memory_s) for i in changes)


@pytest.mark.parametrize("cost", [0.0, 0.4, 2.0])
@pytest.mark.parametrize("seed", range(4))
def test_viterbi_finds_the_best_of_all_sequences(seed, cost):
    scores, weights, pauses_s = case(seed)
    found = viterbi.smooth(scores, weights, pauses_s, cost, 0.5)
    every = itertools.product(range(scores.shape[1]), repeat=len(scores))
    best = max(every, key=lambda labels: worth(labels, scores, weights, pauses_s, cost, 0.5))
    assert found.tolist() == list(best)


def test_without_a_cost_each_window_has_its_own_class():
    scores, weights, pauses_s = case(7, windows=40)
    own = scores.argmax(axis=1).tolist()
    assert viterbi.smooth(scores, weights, pauses_s, 0.0, 1.0).tolist() == own
    assert SMOOTHING["none"](scores, weights, pauses_s).tolist() == own


def test_a_great_cost_leaves_one_class():
    scores, weights, _ = case(8, windows=40)
    assert len(set(viterbi.smooth(scores, weights, np.zeros(40), 1e6, 1.0).tolist())) == 1


def test_the_median_removes_a_single_outlier_but_not_beyond_a_pause():
    scores = np.log([[0.9, 0.1], [0.2, 0.8], [0.9, 0.1], [0.9, 0.1]])
    near = median.smooth(scores, np.ones(4), np.zeros(4), neighbours=1, longest_pause_s=0.5)
    assert near.tolist() == [0, 0, 0, 0]
    apart = median.smooth(scores, np.ones(4), np.array([0.0, 2.0, 2.0, 0.0]), neighbours=1, longest_pause_s=0.5)
    assert apart.tolist() == [0, 1, 0, 0]


@pytest.mark.parametrize("name", SMOOTHING)
def test_a_single_window_keeps_its_class(name):
    assert SMOOTHING[name](np.log([[0.2, 0.5, 0.3]]), np.ones(1), np.zeros(1)).tolist() == [1]
