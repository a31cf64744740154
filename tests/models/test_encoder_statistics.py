"""Means and deviations of a clip's own positions, and dropout of them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from voxjax import models
from voxjax.audio.pooling import mean_and_deviation
from voxjax.errors import UsageError
from voxjax.models.encoder_statistics import rarity

KEY = jax.random.key(7)


def test_statistics_of_valid_positions_equal_numpys():
    inputs = 3.0 + 2.0 * jax.random.normal(KEY, (3, 30, 6))
    lengths = (30, 17, 1)
    mask = jnp.arange(30)[None, :] < jnp.array(lengths)[:, None]
    got = np.asarray(mean_and_deviation(inputs, mask.astype(jnp.float32)))
    for clip, length, row in zip(np.asarray(inputs), lengths, got, strict=True):
        own = clip[:length]
        np.testing.assert_allclose(row[:6], own.mean(0), rtol=1e-5)
        np.testing.assert_allclose(row[6:], np.maximum(own.std(0), 1e-3), rtol=1e-4)


def test_the_order_of_positions_does_not_change_the_logits():
    inputs, mask = jax.random.normal(KEY, (2, 20, 5)), jnp.ones((2, 20), bool)
    network = models.build("encoder_statistics", {"dense": 4}, 3)
    variables = jax.jit(network.init)(KEY, inputs, mask)
    backwards = network.apply(variables, inputs[:, ::-1], mask)
    np.testing.assert_allclose(network.apply(variables, inputs, mask), backwards, atol=1e-5)


def test_block_dropout_drops_statistics_and_not_positions():
    """With all statistics dropped, every clip has the same logits; with none dropped, clips differ."""
    inputs, mask = jax.random.normal(KEY, (4, 20, 5)), jnp.ones((4, 20), bool)
    network = models.build("encoder_statistics", {"dense": 4}, 3)
    variables = jax.jit(network.init)(KEY, inputs, mask)

    def spread(rate):
        rates = models.DropoutRates(jnp.float32(rate), jnp.float32(0.0))
        logits, _ = network.apply_train(variables, inputs, mask, rates, KEY)
        return float(jnp.max(jnp.std(logits, axis=0)))

    assert spread(1.0) < 1e-6 < 1e-2 < spread(0.0)


def test_a_repeated_position_counts_once():
    """A clip with one position repeated five times has the statistics of the clip without the repetitions."""
    once = 10.0 * jax.random.normal(KEY, (1, 8, 16))  # far apart
    again = jnp.concatenate([once, jnp.repeat(once[:, 3:4], 4, axis=1)], axis=1)
    every = jnp.ones((1, 12), bool)
    weights = rarity(again, every, 0.25)
    np.testing.assert_allclose(weights[0, 3], 0.2, rtol=1e-3)
    np.testing.assert_allclose(weights[0, 0], 1.0, rtol=1e-3)
    plain = mean_and_deviation(once, jnp.ones((1, 8)))
    np.testing.assert_allclose(mean_and_deviation(again, weights), plain, rtol=1e-3, atol=1e-3)
    assert float(jnp.max(jnp.abs(mean_and_deviation(again, jnp.ones((1, 12))) - plain))) > 0.1


def test_rarity_equals_numpys_and_ignores_padding():
    clip = np.asarray(jax.random.normal(KEY, (9, 5)))
    distance = np.mean(np.square(clip[:, None] - clip[None]), axis=-1)
    want = 1.0 / np.exp(-distance / 0.5).sum(1)
    for padding in (0.0, 1e4):
        inputs = jnp.concatenate([jnp.asarray(clip), jnp.full((4, 5), padding)])[None]
        got = rarity(inputs, jnp.arange(13)[None, :] < 9, 0.5)
        np.testing.assert_allclose(got[0, :9], want, rtol=1e-4)
        np.testing.assert_array_equal(got[0, 9:], 0.0)


def test_padding_does_not_change_the_logits_with_a_bandwidth():
    inputs, mask = jax.random.normal(KEY, (2, 20, 5)), jnp.ones((2, 20), bool)
    network = models.build("encoder_statistics", {"dense": 4, "bandwidth": 0.5}, 3)
    variables = jax.jit(network.init)(KEY, inputs, mask)
    longer, wider = jnp.pad(inputs, ((0, 0), (0, 7), (0, 0)), constant_values=9.0), jnp.pad(mask, ((0, 0), (0, 7)))
    expected = network.apply(variables, inputs, mask)
    np.testing.assert_allclose(network.apply(variables, longer, wider), expected, atol=1e-5)


def test_a_negative_bandwidth_is_an_error():
    with pytest.raises(UsageError, match=r"config\.model\.bandwidth"):
        models.build("encoder_statistics", {"bandwidth": -1.0}, 3)
