"""A check of half precision that every network must pass."""

import jax
import jax.numpy as jnp
import numpy as np

from voxjax import models

KEY = jax.random.key(3)


def assert_keeps_half_precision(network, variables, inputs, mask, pretrained=models.NOTHING_PRETRAINED):
    """No layer computes in float32, which would cost time and memory; only statistics of batch norm are float32."""
    rates = models.DropoutRates(jnp.float32(0.25), jnp.float32(0.25))

    @jax.jit
    def apply(params, inputs, pretrained):
        return network.apply_train(variables._replace(params=params), inputs, mask, rates, KEY, pretrained)

    arrays = (variables.params, inputs, pretrained)
    expected, _ = apply(*arrays)
    logits, stats = apply(*jax.tree.map(lambda x: x.astype(jnp.bfloat16), arrays))
    assert logits.dtype == jnp.bfloat16
    assert all(leaf.dtype == jnp.float32 for leaf in jax.tree.leaves(stats))
    np.testing.assert_allclose(logits.astype(jnp.float32), expected, atol=0.1 * float(jnp.std(expected)) + 0.05)
