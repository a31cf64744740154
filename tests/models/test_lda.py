"""Linear discriminant analysis: equal to scikit-learn's with both ways of solving, and fitted without steps."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from voxjax import models
from voxjax.config import EncoderFeatures, Hyper
from voxjax.errors import UsageError
from voxjax.models.lda import fit_lda, temperature
from voxjax.train import closed_form, ensemble, step

CLASSES = 4


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


@pytest.mark.parametrize(("clips", "channels"), [(200, 12), (60, 90)])
@pytest.mark.parametrize("shrinkage", [0.05, 0.8])
def test_probabilities_equal_scikit_learns(clips, channels, shrinkage):
    """With more clips than statistics, and with fewer, where the equations are solved in the space of the clips."""
    x, labels = gaussians(clips, channels)
    kernel, bias = jax.jit(fit_lda, static_argnums=2)(x, np.eye(CLASSES, dtype=np.float32)[labels], shrinkage)
    theirs = LinearDiscriminantAnalysis(solver="lsqr", covariance_estimator=Shrunken(shrinkage)).fit(x, labels)
    new, _ = gaussians(80, channels, seed=1)
    np.testing.assert_allclose(jax.nn.softmax(new @ kernel + bias[None]), theirs.predict_proba(new), atol=2e-3)


def test_a_class_without_clips_has_finite_logits_and_is_rarely_predicted():
    x, labels = gaussians(120, 6)
    kept = labels != 2
    of_class = np.eye(CLASSES, dtype=np.float32)[labels]
    kernel, bias = fit_lda(jnp.asarray(x[kept]), jnp.asarray(of_class[kept]), 0.5)
    scores = x @ np.asarray(kernel) + np.asarray(bias)
    again, _ = fit_lda(jnp.asarray(x), jnp.asarray(of_class * kept[:, None]), 0.5)  # left out by their one-hot rows
    np.testing.assert_allclose(again, kernel, atol=1e-5)
    assert np.isfinite(scores).all() and (scores.argmax(1) == 2).mean() < 0.05


def test_the_temperature_calibrates_an_overconfident_model():
    """One of 400 statistics depends on the class; with the temperature, confidence on new clips is near accuracy."""
    random = np.random.default_rng(0)
    labels = np.tile(np.arange(2), 100)
    x = random.normal(0.0, 1.0, (400, 400)).astype(np.float32)
    both = np.concatenate([labels, labels])
    x[:, 0] += 2.0 * both
    of_class = np.eye(2, dtype=np.float32)[both]
    known, new = slice(0, 200), slice(200, 400)
    kernel, bias = fit_lda(jnp.asarray(x[known]), jnp.asarray(of_class[known]), 0.1)
    fitted_temperature = float(temperature(jnp.asarray(x[known]), jnp.asarray(of_class[known]), 0.1))
    scores = x[new] @ np.asarray(kernel) + np.asarray(bias)
    hits = (scores.argmax(1) == both[new]).mean()
    raw, calibrated = (jax.nn.softmax(scores / by).max(1).mean() for by in (1.0, fitted_temperature))
    assert fitted_temperature > 2.0 and raw > hits + 0.1 and abs(calibrated - hits) < 0.06


def test_separable_classes_have_a_temperature_of_1():
    x, labels = gaussians(400, 3)
    x = x + 20.0 * labels[:, None]
    assert float(temperature(jnp.asarray(x), jax.nn.one_hot(labels, CLASSES), 0.01)) == 1.0


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
    jax.tree.map(np.testing.assert_array_equal, both, again)
    plain = fitted_to(task, data, np.arange(72)).params
    assert np.abs(plain["kernel"] - both["kernel"]).max() > 1e-3


def test_only_lda_has_a_closed_form():
    assert models.build("lda", {}, 3).closed_form
    assert isinstance(models.build("lda", {}, 3).module, models.ClosedFormModel)
    with pytest.raises(TypeError, match="Baseline has no closed form"):
        models.build("baseline", {}, 3).fit(
            models.Variables({}, {}), jnp.zeros((1, 1, 1)), jnp.ones((1, 1), bool), jnp.zeros(1, int)
        )
    assert {name for name in models.ARCHITECTURES if hasattr(models.ARCHITECTURES[name][1], "fit")} == {"lda"}
    assert not models.build("baseline", {}, 3).closed_form
    with pytest.raises(UsageError, match=r"config\.model\.shrinkage"):
        models.build("lda", {"shrinkage": 0.0}, 3)
