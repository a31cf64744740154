"""A clip as means and deviations: of its own positions alone, and what is dropped of them."""

import jax
import jax.numpy as jnp
import numpy as np

from voxjax import models
from voxjax.models.encoder_statistics import mean_and_deviation

KEY = jax.random.key(7)


def test_statistics_are_numpys_of_each_clips_own_positions():
    inputs = 3.0 + 2.0 * jax.random.normal(KEY, (3, 30, 6))
    lengths = (30, 17, 1)
    mask = jnp.arange(30)[None, :] < jnp.array(lengths)[:, None]
    got = np.asarray(mean_and_deviation(inputs, mask))
    for clip, length, row in zip(np.asarray(inputs), lengths, got, strict=True):
        own = clip[:length]
        np.testing.assert_allclose(row[:6], own.mean(0), rtol=1e-5)
        np.testing.assert_allclose(row[6:], np.maximum(own.std(0), 1e-3), rtol=1e-4)


def test_order_of_positions_says_nothing():
    inputs, mask = jax.random.normal(KEY, (2, 20, 5)), jnp.ones((2, 20), bool)
    network = models.build("encoder_statistics", {"dense": 4}, 3)
    variables = network.init(KEY, inputs, mask)
    backwards = network.apply(variables, inputs[:, ::-1], mask)
    np.testing.assert_allclose(network.apply(variables, inputs, mask), backwards, atol=1e-5)


def test_block_rate_drops_statistics_not_positions():
    """All statistics dropped: each clip gets the same answer; none dropped: clips differ."""
    inputs, mask = jax.random.normal(KEY, (4, 20, 5)), jnp.ones((4, 20), bool)
    network = models.build("encoder_statistics", {"dense": 4}, 3)
    variables = network.init(KEY, inputs, mask)

    def spread(rate):
        rates = models.Rates(jnp.float32(rate), jnp.float32(0.0))
        logits, _ = network.apply_train(variables, inputs, mask, rates, KEY)
        return float(jnp.max(jnp.std(logits, axis=0)))

    assert spread(1.0) < 1e-6 < 1e-2 < spread(0.0)
