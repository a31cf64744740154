"""The density of clip summaries: what is usual, what is not, and what held-out speakers exceed."""

import numpy as np
import pytest
from sklearn import decomposition, preprocessing

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


def by_scikit_learn(values, count):
    """Squared distances over D of standardised values under PCA's `count` components and one variance for the rest."""
    scaled = preprocessing.StandardScaler().fit(values)
    z = scaled.transform(values)
    pca = decomposition.PCA(count).fit(z)
    variances = pca.explained_variance_ * (len(values) - 1) / len(values)
    rest = (z.var(0).sum() - variances.sum()) / (values.shape[1] - count)

    def squares(new):
        z = scaled.transform(new)
        along = z @ pca.components_.T
        beyond = np.square(z).sum(1) - np.square(along).sum(1)
        return (np.square(along) / np.maximum(variances, rest)).sum(1) + beyond / rest

    return squares, variances, rest, pca.components_


@pytest.mark.parametrize(("clips", "numbers", "count"), [(400, 12, 8), (60, 12, 6), (400, 4, 3), (50, 70, 5)])
def test_the_density_is_scikit_learns_pca_with_one_variance_for_the_rest(clips, numbers, count):
    values = sample(clips, numbers).astype(np.float64)
    speakers = [f"s{i % 10}" for i in range(clips)]
    squares, variances, rest, components = by_scikit_learn(values, count)
    density = domain_distance.fit(values, speakers)
    assert density.components.shape == (count, numbers)
    np.testing.assert_allclose(density.variances[::-1], np.maximum(variances, rest), rtol=1e-4)
    assert density.rest == pytest.approx(rest, rel=1e-4)
    np.testing.assert_allclose(np.abs(np.sum(density.components[::-1] * components, axis=1)), 1.0, atol=1e-3)
    np.testing.assert_allclose(density.mean, values.mean(0), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(density.scale, values.std(0), rtol=1e-5)
    new = sample(30, numbers, seed=5).astype(np.float64)
    found = domain_distance.distances(density, new) * density.limit
    np.testing.assert_allclose(found, np.sqrt(squares(new) / numbers), rtol=2e-3)
    assert all(part.dtype == np.float32 for part in density)


@pytest.mark.parametrize("people", [1, 2, 12])
def test_the_limit_is_that_of_five_groups_of_speakers_each_held_out(people):
    """95 % of the clips are nearer to the density of the other groups; clips of one speaker are groups themselves."""
    values = sample(120, 6).astype(np.float64)
    speakers = [f"s{i % people:02d}" for i in range(120)]
    group = np.arange(120) % 5 if people == 1 else np.arange(120) % people % 5
    held_out = np.zeros(120)
    for one in set(group):
        own = group == one
        held_out[own] = np.sqrt(by_scikit_learn(values[~own], 5)[0](values[own]) / 6)
    density = domain_distance.fit(values, speakers)
    assert float(density.limit) == pytest.approx(np.quantile(held_out, 0.95), rel=1e-3)


def test_forty_clips_are_enough_and_a_constant_number_has_deviation_1():
    values = sample(40)
    values[:, 3] = 2e6
    values[::2, 4] += 2e6
    values[:, 5] = 2e6 + np.arange(40) % 2
    density = domain_distance.fit(values, SPEAKERS[::10])
    assert density.scale[5] == 1.0 and density.scale[4] == pytest.approx(1e6, rel=1e-3)  # rounding, and none
    assert density.scale[3] == 1.0 and density.mean[3] == 2e6 and len(density.components) == 4
    far = values.copy()
    far[:, 3] += 1e3
    moved = domain_distance.distances(density, far) > domain_distance.distances(density, values)
    assert moved.all()


def test_two_numbers_have_one_component():
    density = domain_distance.fit(sample(numbers=2), SPEAKERS)
    assert density.components.shape == (1, 2)


def test_rows_of_length_1_and_of_zeros():
    np.testing.assert_allclose(domain_distance._unit(np.array([[0.3, 0.4], [0.0, 0.0]])), [[0.6, 0.8], [0.0, 0.0]])


@pytest.mark.parametrize(("distinct", "numbers"), [(3, 200), (1, 200), (3, 20), (1, 20)])
def test_copies_of_few_clips_give_a_density_all_the_same(distinct, numbers):
    """Principal components beyond the number of distinct clips are noise, and a limit of 0 would divide."""
    clips = np.random.default_rng(3).normal(size=(distinct, numbers))[np.arange(50) % distinct]
    found = domain_distance.fit(clips, [str(i % 6) for i in range(50)])
    np.testing.assert_allclose(found.components @ found.components.T, np.eye(len(found.components)), atol=1e-4)
    assert found.limit > 0 and (found.variances > 0).all() and found.rest > 0
    assert np.isfinite(domain_distance.distances(found, clips)).all()
