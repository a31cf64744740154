"""Padding of any length and content changes no statistic of a clip."""

import hypothesis
import jax.numpy as jnp
import numpy as np
from hypothesis import strategies

from voxjax.audio import normalize, pooling
from voxjax.config import FrameFeatures

LENGTHS = strategies.lists(strategies.integers(0, 12), min_size=1, max_size=5)
CONTENT = strategies.sampled_from([0.0, 1e6, np.nan, np.inf])


def padded(lengths, longest, content, seed=0):
    """Clips of these lengths, float32 `[B, T, 6]`, with `content` after their end, and their mask."""
    mask = np.arange(longest)[None, :] < np.array(lengths)[:, None]
    values = np.random.default_rng(seed).normal(size=(len(lengths), 40, 6)).astype(np.float32)[:, :longest]
    return np.where(mask[..., None], values, np.float32(content)), mask


@hypothesis.settings(max_examples=30)
@hypothesis.given(lengths=LENGTHS, more=strategies.integers(0, 20), content=CONTENT)
def test_mean_and_deviation_do_not_depend_on_padding(lengths, more, content):
    short, mask = padded(lengths, 12, 0.0)
    long, longer = padded(lengths, 12 + more, content)
    expected = pooling.mean_and_deviation(jnp.asarray(short), jnp.asarray(mask, jnp.float32))
    found = pooling.mean_and_deviation(jnp.asarray(long), jnp.asarray(longer, jnp.float32))
    np.testing.assert_allclose(found, expected, atol=1e-5)


@hypothesis.settings(max_examples=30)
@hypothesis.given(lengths=LENGTHS, more=strategies.integers(0, 20), content=CONTENT)
def test_standardised_features_do_not_depend_on_padding_and_are_zero_there(lengths, more, content):
    scaler = normalize.Scaler(np.full((1, 6), 0.5, np.float32), np.full((1, 6), 2.0, np.float32))
    config = FrameFeatures(mels=4, channels=("logmel", "energy", "pitch"))
    short, mask = padded(lengths, 12, 0.0)
    long, longer = padded(lengths, 12 + more, content)
    expected = np.asarray(normalize.apply(config, scaler, jnp.asarray(short), jnp.asarray(mask)))
    found = np.asarray(normalize.apply(config, scaler, jnp.asarray(long), jnp.asarray(longer)))
    np.testing.assert_allclose(found[:, :12], expected, atol=1e-5)
    assert not found[~longer].any()


@hypothesis.settings(max_examples=30)
@hypothesis.given(lengths=LENGTHS.filter(any), more=strategies.integers(0, 20))
def test_a_scaler_does_not_depend_on_padding(lengths, more):
    counts = np.array(lengths, np.int32)
    expected = normalize.fit(padded(lengths, 12, 0.0)[0], counts, 1)
    found = normalize.fit(padded(lengths, 12 + more, 1e6)[0], counts, 1)
    np.testing.assert_allclose(found.mean, expected.mean, atol=1e-5)
    np.testing.assert_allclose(found.std, expected.std, atol=1e-5)
