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


def slowly(times, counts):
    return sum(int(n) * matrix for n, matrix in zip(times, counts, strict=True))


def test_the_interval_is_of_units_drawn_alike_for_both_models():
    generator = np.random.default_rng(6)
    a, b = speakers(generator, 0.7, units=5), speakers(generator, 0.6, units=5)
    for more in ({}, {"seed": 4}):
        draws = np.random.default_rng(more.get("seed", 0)).multinomial(5, [0.2] * 5, size=2_000)
        moved = [classification.uar(slowly(one, a)) - classification.uar(slowly(one, b)) for one in draws]
        found = significance.interval(a, b, classification.uar, **more)
        assert found == pytest.approx(np.percentile(moved, (2.5, 97.5)).tolist(), abs=1e-12)
        assert [type(end) for end in found] == [float, float]


@pytest.mark.parametrize(("units", "exact"), [(1, True), (11, True), (14, True), (15, False)])
def test_up_to_14_units_all_patterns_count_and_then_drawn_ones(units, exact):
    """Of a difference in every unit, two patterns are as large as the observed one, or nearly none of those drawn."""
    a = np.tile([[8, 2], [0, 0]], (units, 1, 1))
    b = np.tile([[7, 3], [0, 0]], (units, 1, 1))
    found = significance.permutation(a, b, classification.accuracy)
    assert found == 2 / 2**units if exact else found < 0.001


@pytest.mark.parametrize("seed", [0, 3])
def test_drawn_patterns_are_those_of_the_seed(seed):
    generator = np.random.default_rng(7)
    a, b = speakers(generator, 0.66, units=16), speakers(generator, 0.62, units=16)
    observed = abs(np.trace(a.sum(0)) - np.trace(b.sum(0)))
    drawn, larger = np.random.default_rng(seed), 1
    for _ in range(20):
        swapped = drawn.integers(0, 2, (1_000, 16))
        gain = np.trace(a - b, axis1=1, axis2=2)
        larger += int(np.sum(np.abs((1 - 2 * swapped) @ gain) >= observed - 1e-6))
    found = significance.permutation(a, b, classification.accuracy, *([seed] if seed else []))
    assert found == larger / 20_001 and 0.01 < found < 0.9


def test_differences_that_round_apart_are_equal():
    """Swapping both units gives the same difference of 0.3 with another rounding."""
    a, b = one_clip_each([1, 1, 0]), one_clip_each([0, 1, 1])
    assert significance.permutation(0.1 * a, 0.1 * b, classification.accuracy) == 1.0
    rare = one_clip_each([1, 1, 1, 1])
    assert significance.permutation(rare, one_clip_each([0, 0, 0, 0]), classification.accuracy) == 2 / 16
    assert significance.permutation(rare, one_clip_each([1, 0, 0, 0]), classification.accuracy) == 4 / 16


@pytest.mark.parametrize(("first", "second"), [(3, 0), (0, 4), (2, 5), (6, 6)])
def test_mcnemar_is_two_sided_in_either_direction(first, second):
    a = np.array([1] * first + [0] * second + [1, 0], bool)
    b = np.array([0] * first + [1] * second + [1, 0], bool)
    expected = min(1.0, 2 * stats.binom.cdf(min(first, second), first + second, 0.5))
    assert significance.mcnemar(a, b) == pytest.approx(expected)


def test_patterns_are_binary_digits():
    found = significance._patterns(np.arange(8), 3)
    assert found.tolist() == [[i & 1, i >> 1 & 1, i >> 2 & 1] for i in range(8)]
