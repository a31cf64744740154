"""Paired tests: against scipy, and in simulations where the truth is known."""

import itertools

import numpy as np
import pytest
from scipy import stats

from voxjax.metrics import classification, significance


def one_clip_each(hits):
    """Confusion matrices of units with one clip of class 0 each: `bool [units] -> [units, 2, 2]`."""
    counts = np.zeros((len(hits), 2, 2))
    counts[np.arange(len(hits)), 0, 1 - np.asarray(hits, int)] = 1
    return counts


def speakers(generator, right, units=12, classes=3, clips=10):
    """Units of random clips; each unit has an accuracy near `right`."""
    counts = np.zeros((units, classes, classes))
    for unit in counts:
        accuracy = np.clip(right + generator.normal(0, 0.08), 0, 1)
        for truth in range(classes):
            hits = generator.binomial(clips, accuracy)
            unit[truth, truth], unit[truth, (truth + 1) % classes] = hits, clips - hits
    return counts


def test_the_p_value_of_all_patterns_equals_a_count():
    generator = np.random.default_rng(0)
    a, b = speakers(generator, 0.7, units=6), speakers(generator, 0.5, units=6)
    observed = abs(classification.uar(a.sum(0)) - classification.uar(b.sum(0)))
    larger = 0
    for swaps in itertools.product((False, True), repeat=6):
        first = sum(y if swap else x for x, y, swap in zip(a, b, swaps, strict=True))
        second = sum(x if swap else y for x, y, swap in zip(a, b, swaps, strict=True))
        larger += abs(classification.uar(first) - classification.uar(second)) >= observed - 1e-9
    assert significance.permutation(a, b, classification.uar) == larger / 64


def test_the_p_value_of_random_patterns_is_close_to_scipys():
    generator = np.random.default_rng(1)
    a, b = speakers(generator, 0.66, units=30), speakers(generator, 0.6, units=30)
    ours = significance.permutation(a, b, classification.accuracy)
    hits = [np.trace(x, axis1=1, axis2=2) for x in (a, b)]
    theirs = stats.permutation_test(
        hits,
        lambda x, y, axis: np.mean(x - y, axis=axis),
        permutation_type="samples",
        n_resamples=20_000,
        rng=generator,
    ).pvalue
    assert ours == pytest.approx(theirs, abs=0.01) and 0.0005 < ours < 0.9


def test_equal_models_rarely_differ_significantly_and_unequal_ones_often():
    generator = np.random.default_rng(2)
    p = [
        significance.permutation(speakers(generator, 0.6), speakers(generator, 0.6 + more), classification.uar)
        for more in [0.0] * 200 + [0.2] * 40
    ]
    assert np.mean(np.array(p[:200]) < 0.05) == pytest.approx(0.05, abs=0.04)
    assert np.mean(np.array(p[200:]) < 0.05) > 0.9


def test_95_percent_intervals_contain_the_true_difference_about_that_often():
    generator = np.random.default_rng(3)
    held = 0
    for _ in range(120):
        low, high = significance.interval(
            speakers(generator, 0.7, 30), speakers(generator, 0.6, 30), classification.uar
        )
        held += low <= 0.1 <= high
    assert 0.88 <= held / 120 <= 1.0
    same = speakers(generator, 0.6)
    assert significance.interval(same, same, classification.uar) == [0.0, 0.0]
    assert significance.permutation(same, same, classification.uar) == 1.0


def test_pairing_finds_a_difference_that_is_small_against_that_of_speakers():
    """Every speaker improves a little, by far less than speakers differ."""
    generator = np.random.default_rng(4)
    hits = generator.integers(40, 90, 20)
    a, b = (one_clip_each([1])[0] * 0 for _ in range(2))
    a = np.stack([[[h + 3, 97 - h], [0, 0]] for h in hits])
    b = np.stack([[[h, 100 - h], [0, 0]] for h in hits])
    assert significance.permutation(a, b, classification.accuracy) < 0.001
    assert stats.ttest_ind(hits + 3, hits).pvalue > 0.05


def test_mcnemar_is_a_binomial_test_of_the_clips_that_differ():
    a = np.array([1] * 9 + [0] * 2 + [1] * 50 + [0] * 5, bool)
    b = np.array([0] * 9 + [1] * 2 + [1] * 50 + [0] * 5, bool)
    assert significance.mcnemar(a, b) == pytest.approx(2 * stats.binom.cdf(2, 11, 0.5))
    assert significance.mcnemar(a, a) == 1.0


def test_on_units_of_one_clip_permutation_equals_mcnemar():
    generator = np.random.default_rng(5)
    a, b = generator.random(400) < 0.7, generator.random(400) < 0.63
    ours = significance.permutation(one_clip_each(a), one_clip_each(b), classification.accuracy)
    assert ours == pytest.approx(significance.mcnemar(a, b), abs=0.02)
