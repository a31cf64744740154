"""The density of clip summaries: what is usual, what is not, and what held-out speakers exceed."""

import numpy as np
import pytest

from voxjax.metrics import domain_distance

SPEAKERS = [f"s{i // 40}" for i in range(400)]


def sample(count=400, numbers=30, seed=0, shift=0.0):
    """Correlated numbers, as features are, with one offset for each of ten speakers."""
    random = np.random.default_rng(seed)
    mixing = np.random.default_rng(7).normal(size=(numbers, numbers)) / np.sqrt(numbers)
    voices = np.random.default_rng(seed + 1).normal(0, 0.3, (10, numbers))
    values = random.normal(size=(count, numbers)) @ mixing + voices[np.arange(count) * 10 // count]
    return (values + shift).astype(np.float32)


def test_one_in_twenty_clips_of_new_speakers_is_beyond_the_limit():
    density = domain_distance.fit(sample(), SPEAKERS)
    rates = [(domain_distance.distances(density, sample(seed=seed)) > 1).mean() for seed in range(10, 40)]
    assert 0.02 < np.mean(rates) < 0.09


def test_clips_elsewhere_are_beyond_the_limit():
    density = domain_distance.fit(sample(), SPEAKERS)
    assert (domain_distance.distances(density, sample(seed=1, shift=3.0)) > 1).mean() > 0.95
    assert (domain_distance.distances(density, 3.0 * sample(seed=2)) > 1).mean() > 0.95


def test_without_components_left_out_the_distance_is_mahalanobis():
    values = sample(numbers=5)
    density = domain_distance.fit(values, SPEAKERS)  # four of five components, and the variance along the fifth
    centred = values - values.mean(0)
    exact = np.sqrt(np.einsum("nd,de,ne->n", centred, np.linalg.inv(np.cov(values.T, bias=True)), centred) / 5)
    found = domain_distance.distances(density, values) * density.limit
    np.testing.assert_allclose(found, exact, rtol=1e-3)


@pytest.mark.parametrize("numbers", [30, 900])
def test_more_numbers_than_clips_give_the_same_kind_of_density(numbers):
    density = domain_distance.fit(sample(numbers=numbers), SPEAKERS)
    np.testing.assert_allclose(density.components @ density.components.T, np.eye(len(density.components)), atol=1e-4)
    assert (np.diff(density.variances) >= 0).all() and 0 < density.rest <= density.variances.min()


def test_the_limit_is_of_speakers_that_the_density_was_not_fitted_to():
    """Each speaker has an offset of its own: as clips of known speakers, these would look usual."""
    apart = sample() + np.random.default_rng(3).normal(0, 5.0, (10, 30)).astype(np.float32)[np.arange(400) // 40]
    by_speaker = domain_distance.fit(apart, SPEAKERS)
    by_clip = domain_distance.fit(apart, ["unknown"] * 400)
    assert by_speaker.limit > 1.3 * by_clip.limit


def test_few_clips_have_no_density():
    assert domain_distance.fit(sample(39), SPEAKERS[:39]) is None


def test_a_constant_number_is_harmless():
    values = sample()
    values[:, 3] = 2.0
    distances = domain_distance.distances(domain_distance.fit(values, SPEAKERS), values)
    assert np.isfinite(distances).all()
