"""Linear discriminant analysis: equal to scikit-learn's with both ways of solving, and fitted without steps."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from voxjax import models
from voxjax.config import EncoderFeatures, Hyper
from voxjax.errors import UsageError
from voxjax.models import discriminant_chunks
from voxjax.train import closed_form, ensemble, step

CLASSES = 4
CLOSED_FORM = {"lda", "patch_lda"}


def gaussians(clips, channels, seed=0):
    """Gaussian classes with different means and one covariance: float32 `[n, S]` and int32 `[n]`."""
    random = np.random.default_rng(seed)
    labels = np.arange(clips, dtype=np.int32) % CLASSES
    labels[: clips // 4] = 0  # unequal frequencies
    means = random.normal(0.0, 1.0, (CLASSES, channels))
    mixing = np.eye(channels) + 0.3 * random.normal(0.0, 1.0, (channels, channels))
    x = means[labels] + random.normal(0.0, 1.0, (clips, channels)) @ mixing
    return x.astype(np.float32), labels


class Shrunken:
    """A covariance estimator with shrinkage, for scikit-learn."""

    def __init__(self, shrinkage):
        self.shrinkage = shrinkage

    def get_params(self, deep=True):
        return {"shrinkage": self.shrinkage}

    def set_params(self, **params):
        self.__dict__.update(params)
        return self

    def fit(self, x):
        self.covariance_ = (1 - self.shrinkage) * np.cov(x.T, bias=True) + self.shrinkage * np.eye(x.shape[1])
        return self


def by_hand(x, labels, shrinkage, differences=None, nuisance=0.0):
    """Kernel and bias by NumPy, in float64: the inverse of the whole covariance."""
    x = x.astype(np.float64)
    means = np.stack([x[labels == k].mean(0) for k in range(CLASSES)])
    scatter = (x - means[labels]).T @ (x - means[labels]) / len(x)
    if differences is not None:
        scatter = scatter + nuisance * differences.T.astype(np.float64) @ differences / len(differences)
    kernel = np.linalg.solve((1 - shrinkage) * scatter + shrinkage * np.eye(x.shape[1]), means.T)
    prior = np.bincount(labels, minlength=CLASSES) / len(labels)
    return kernel, np.log(prior) - 0.5 * np.sum(means.T * kernel, axis=0)


def fitted(x, labels, copies=1, classes=CLASSES, **options):
    """The weights of clips, or of clips each followed by its copies."""
    x = x.reshape(-1, copies, 1, x.shape[-1])

    def read(numbers, copy):
        return jnp.asarray(x)[numbers, copy], jnp.ones((numbers.size, 1), bool)

    network = models.build("lda", options, classes)
    clips = models.TrainingClips(read, jnp.asarray(labels[::copies]), copies, jax.random.key(0))
    return jax.jit(lambda: network.module.fit(clips))()


def scale_of(found, kernel):
    """The number by which found weights are smaller than those by hand: the temperature."""
    return float(np.sum(kernel * found["kernel"]) / np.sum(np.square(found["kernel"])))


SIZES = [(200, 12), (700, 30), (60, 90)]  # one chunk and several, and fewer clips than statistics


@pytest.mark.parametrize(("clips", "channels"), SIZES)
@pytest.mark.parametrize("shrinkage", [0.05, 0.8])
def test_probabilities_equal_scikit_learns(clips, channels, shrinkage):
    """With more clips than statistics, and with fewer, where the equations are solved in the space of the clips."""
    x, labels = gaussians(clips, channels)
    found = fitted(x, labels, shrinkage=shrinkage)
    by = scale_of(found, by_hand(x, labels, shrinkage)[0])
    theirs = LinearDiscriminantAnalysis(solver="lsqr", covariance_estimator=Shrunken(shrinkage)).fit(x, labels)
    new, _ = gaussians(80, channels, seed=1)
    logits = by * (new @ np.asarray(found["kernel"]) + np.asarray(found["bias"]))
    np.testing.assert_allclose(jax.nn.softmax(logits), theirs.predict_proba(new), atol=2e-3)
    assert any(by == pytest.approx(2.0 ** (i / 4), rel=1e-3) for i in range(41))
    np.testing.assert_allclose(found["gram"] @ np.eye(CLASSES), means_of(x, labels) @ found["kernel"], atol=2e-3)


def means_of(x, labels):
    return np.stack([x[labels == k].mean(0) for k in range(CLASSES)])


@pytest.mark.parametrize(("clips", "channels"), SIZES)
@pytest.mark.parametrize("nuisance", [0.5, 4.0])
def test_differences_of_copies_widen_the_covariance_and_leave_the_class_means(clips, channels, nuisance):
    x, labels = gaussians(clips, channels)
    random = np.random.default_rng(5)
    direction = random.normal(size=channels)
    moved = random.normal(size=(clips, 2, 1)) * 2.0 * direction + random.normal(size=(clips, 2, channels))
    pairs = np.concatenate([x[:, None], x[:, None] + moved], axis=1).astype(np.float32)
    found = fitted(pairs.reshape(-1, channels), np.repeat(labels, 3), 3, shrinkage=0.3, nuisance=nuisance)
    kernel, bias = by_hand(x, labels, 0.3, moved.reshape(-1, channels), nuisance)
    by = scale_of(found, kernel)
    np.testing.assert_allclose(by * np.asarray(found["kernel"]), kernel, atol=2e-3)
    np.testing.assert_allclose(by * np.asarray(found["bias"]), bias, atol=5e-3)
    plain = by_hand(x, labels, 0.3)[0]
    along = [np.linalg.norm(direction @ k) / np.linalg.norm(k) for k in (np.asarray(found["kernel"]), plain)]
    assert along[0] < 0.6 * along[1]  # the direction counts less


def test_copies_without_a_nuisance_are_further_clips():
    x, labels = gaussians(120, 10)
    found = fitted(x, np.repeat(labels[::2], 2), 2, shrinkage=0.4)
    alone = fitted(x, np.repeat(labels[::2], 2), shrinkage=0.4)
    np.testing.assert_allclose(found["kernel"], alone["kernel"], rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize(("clips", "channels"), SIZES)
def test_even_priors_do_not_favour_a_frequent_class(clips, channels):
    x, labels = gaussians(clips, channels)
    frequent, even = (fitted(x, labels, shrinkage=0.5, priors=priors) for priors in ("clips", "even"))
    by = [scale_of(found, by_hand(x, labels, 0.5)[0]) for found in (frequent, even)]
    change = by[0] * np.asarray(frequent["bias"]) - by[1] * np.asarray(even["bias"])
    expected = np.log(np.bincount(labels) / len(labels)) - np.log(1 / CLASSES)
    np.testing.assert_allclose(change, expected, atol=1e-3)


@pytest.mark.parametrize("channels", [6, 150])
def test_a_class_without_clips_has_finite_logits_and_is_rarely_predicted(channels):
    x, labels = gaussians(120, channels)
    kept = labels != 2
    found = fitted(x[kept], labels[kept], shrinkage=0.5)
    scores = x @ np.asarray(found["kernel"]) + np.asarray(found["bias"])
    assert np.isfinite(scores).all() and (scores.argmax(1) == 2).mean() < {6: 0.05, 150: 0.2}[channels]


@pytest.mark.parametrize("clips", [200, 500])
def test_the_temperature_calibrates_an_overconfident_model(clips):
    """One of 400 statistics depends on the class; with the temperature, confidence on new clips is near accuracy."""
    random = np.random.default_rng(0)
    both = np.tile(np.arange(2), clips)
    x = random.normal(0.0, 1.0, (2 * clips, 400)).astype(np.float32)
    x[:, 0] += 2.0 * both
    known, new = slice(0, clips), slice(clips, 2 * clips)
    found = fitted(x[known], both[known], classes=2, shrinkage=0.1)
    logits = x[new] @ np.asarray(found["kernel"]) + np.asarray(found["bias"])
    hits = (logits.argmax(1) == both[new]).mean()
    raw_kernel, raw_bias = two_classes_by_hand(x[known], both[known])
    raw = jax.nn.softmax(x[new] @ raw_kernel + raw_bias).max(1).mean()
    assert raw > hits + 0.1 and abs(jax.nn.softmax(logits).max(1).mean() - hits) < 0.08


def two_classes_by_hand(x, labels):
    means = np.stack([x[labels == k].mean(0) for k in range(2)])
    scatter = (x - means[labels]).T @ (x - means[labels]) / len(x)
    kernel = np.linalg.solve(0.9 * scatter + 0.1 * np.eye(x.shape[1]), means.T)
    return kernel, np.log(0.5) - 0.5 * np.sum(means.T * kernel, axis=0)


def test_separable_classes_have_a_temperature_of_1():
    x, labels = gaussians(400, 3)
    x = (x + 20.0 * labels[:, None]).astype(np.float32)
    x = (x - x.mean(0)) / x.std(0)
    assert scale_of(fitted(x, labels, shrinkage=0.01), by_hand(x, labels, 0.01)[0]) == pytest.approx(1.0, rel=1e-3)


def test_quarters_are_consecutive_clips_of_each_class_and_are_all_read():
    labels = np.random.default_rng(1).integers(0, CLASSES, 803)
    part = np.asarray(discriminant_chunks.quarters(jax.nn.one_hot(labels, CLASSES)))
    for k in range(CLASSES):
        own = part[labels == k]
        assert (np.diff(own) >= 0).all() and np.ptp(np.bincount(own)) <= 1
    rows = discriminant_chunks.Rows(lambda numbers, copy: numbers[:, None], jnp.asarray(labels), CLASSES, 1)
    numbers, valid = discriminant_chunks._by_part(rows)
    for i in range(4):
        assert sorted(np.asarray(numbers[i])[np.asarray(valid[i])]) == np.flatnonzero(part == i).tolist()


def task_and_data(rows=96):
    """Clips as statistics; tests train on the first three quarters of them."""
    x, labels = gaussians(rows, 10)
    features = x[:, None, None, :].copy()  # [clips, copies, T, C]
    clips = step.Clips(features, np.ones((rows, 1), np.int32), labels)
    network = models.build("lda", {"shrinkage": 0.5}, CLASSES)
    task = step.Task(network, EncoderFeatures(encoder="any", blocks=(1,)), CLASSES)
    scaler = step.normalize.Scaler(np.zeros((1, 10), np.float32), np.ones((1, 10), np.float32))
    return task, step.Data(clips, scaler, jnp.ones(CLASSES), jnp.float32(8))


def fitted_to(task, data, rows):
    arrays = ensemble.MemberArrays(Hyper(), data.scaler, data.class_weights, data.total_steps, jax.random.key(0))
    return closed_form.fit(task, data.clips, arrays, rows)


def test_it_is_fitted_only_to_its_training_clips():
    task, data = task_and_data()
    known = np.arange(72)
    fitted = fitted_to(task, data, known)
    other = data.clips.features.copy()
    other[72:] = 100.0
    again = fitted_to(task, data._replace(clips=data.clips._replace(features=other)), known)
    jax.tree.map(np.testing.assert_array_equal, fitted, again)
    hits = step.evaluate(task, fitted, data, known).argmax(-1) == data.clips.labels[known]
    assert hits.mean() > 0.8 > 0.6 > (data.clips.labels[known] == 0).mean()


def test_augmented_copies_are_fitted_like_further_clips():
    """A clip with a copy gives the weights that two clips give."""
    task, data = task_and_data()
    clean = data.clips.features
    noisy = clean + np.random.default_rng(3).normal(0.0, 1.0, clean.shape).astype(np.float32)
    lengths = data.clips.lengths
    pairs = step.Clips(np.concatenate([clean, noisy], 1), np.concatenate([lengths, lengths], 1), data.clips.labels)
    both = fitted_to(task, data._replace(clips=pairs), np.arange(72)).params
    apart = np.stack([clean[:72, 0], noisy[:72, 0]], 1).reshape(144, 1, 1, 10)
    alone = step.Clips(apart, np.ones((144, 1), np.int32), np.repeat(data.clips.labels[:72], 2))
    again = fitted_to(task, data._replace(clips=alone), np.arange(144)).params
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6), both, again)
    plain = fitted_to(task, data, np.arange(72)).params
    assert np.abs(plain["kernel"] - both["kernel"]).max() > 1e-3


def test_only_discriminants_have_a_closed_form():
    assert models.build("lda", {}, 3).closed_form
    assert isinstance(models.build("lda", {}, 3).module, models.ClosedFormModel)
    with pytest.raises(TypeError, match="Baseline has no closed form"):
        models.build("baseline", {}, 3).fit(
            models.Variables({}, {}),
            models.TrainingClips(lambda numbers, copy: None, jnp.zeros(1, int), 1, jax.random.key(0)),
        )
    assert {name for name in models.ARCHITECTURES if hasattr(models.ARCHITECTURES[name][1], "fit")} == CLOSED_FORM
    assert not models.build("baseline", {}, 3).closed_form
    with pytest.raises(UsageError, match=r"config\.model\.shrinkage"):
        models.build("lda", {"shrinkage": 0.0}, 3)
    with pytest.raises(UsageError, match=r"config\.model\.priors: expected one of clips, even"):
        models.build("lda", {"priors": "equal"}, 3)
