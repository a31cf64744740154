"""The Optimized network: padding, eager against compiled, the guide's shape, options."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from voxjax import models
from voxjax.errors import UsageError

KEY = jax.random.key(1)
SMALL = {"filters": (4, 6), "lstm": (5, 4), "dense": (8,), "heads": 2, "reduction": 2}
SHAPES = {
    "last": {**SMALL},
    "attention": {**SMALL, "pooling": "attention"},
    "stem": {**SMALL, "pooling": "attention", "stem": (3, 4)},
    "stem and rest": {**SMALL, "pooling": "attention", "stem": (3, 4), "stem_bins": 12},
}


def batch(channels=16):
    x = jnp.asarray(np.random.default_rng(0).normal(size=(4, 37, channels)), jnp.float32)
    mask = jnp.arange(37)[None, :] < jnp.array([37, 20, 11, 1])[:, None]
    return jnp.where(mask[..., None], x, 0.0), mask


@pytest.mark.parametrize("shape", SHAPES)
def test_padding_does_not_change_the_logits(shape):
    network = models.build("optimized", SHAPES[shape], 8)
    x, mask = batch()
    variables = jax.jit(network.init)(KEY, x, mask)
    apply = jax.jit(network.apply)
    short = apply(variables, x, mask)
    for extra in (1, 2, 3, 30):  # odd and even, for strides and pooling
        longer = jnp.pad(x, ((0, 0), (0, extra), (0, 0))), jnp.pad(mask, ((0, 0), (0, extra)))
        np.testing.assert_allclose(apply(variables, *longer), short, atol=2e-5)


@pytest.mark.parametrize("shape", SHAPES)
def test_logits_do_not_depend_on_other_clips_in_evaluation(shape):
    network = models.build("optimized", SHAPES[shape], 8)
    x, mask = batch()
    variables = jax.jit(network.init)(KEY, x, mask)
    apply = jax.jit(network.apply)
    together = apply(variables, x, mask)
    alone = apply(variables, x[1:2, :20], mask[1:2, :20])
    np.testing.assert_allclose(together[1:2], alone, atol=2e-5)


def test_compiled_equals_eager():
    network = models.build("optimized", SHAPES["stem"], 8)
    x, mask = batch()
    variables = jax.jit(network.init)(KEY, x, mask)
    eager = network.apply(variables, x, mask)
    np.testing.assert_allclose(jax.jit(network.apply)(variables, x, mask), eager, atol=1e-5)


def test_default_options_give_the_guides_number_of_weights():
    """Counted by hand, for inputs `[B, 392, 1]`."""
    network = models.build("optimized", {}, 8)
    x = jnp.zeros((1, 392, 1))
    count = models.parameter_count(jax.eval_shape(network.init, KEY, x, jnp.ones((1, 392), bool)))
    expected, channels = 0, 1
    for filters in (32, 64, 64):
        width = 3 * filters
        expected += 15 * channels * filters + width + 2 * width  # kernels 3 + 5 + 7, biases, batch norm
        expected += width * (width // 8) + width // 8 + (width // 8) * width + width
        channels = width
    for units in (128, 64):
        expected += 2 * (channels * 4 * units + units * 4 * units + 4 * units)
        channels = 2 * units
    for units in (256, 128, 8):
        expected += channels * units + units
        channels = units
    assert count == expected


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"filterz": (3,)}, "did you mean 'config.model.filters'"),
        ({"filters": "width"}, "expected a value of type"),
        ({"pooling": "atention"}, "did you mean 'attention'"),
        ({"pooling": "attention", "lstm": (5,)}, "4 heads for 10 channels"),
    ],
)
def test_wrong_options_are_errors(values, message):
    with pytest.raises(UsageError, match=message):
        models.build("optimized", values, 8)


def test_an_unknown_architecture_is_an_error():
    with pytest.raises(UsageError, match="did you mean 'optimized'"):
        models.options("optimised", {})
