"""What half precision must keep to, in any network."""

import jax
import jax.numpy as jnp
import numpy as np

from voxjax import models

KEY = jax.random.key(3)


def assert_stays_half(network, variables, inputs, mask, pretrained=()):
    """No float32 slips in between, which would undo the saving; statistics alone stay float32."""
    rates = models.DropoutRates(jnp.float32(0.25), jnp.float32(0.25))

    @jax.jit
    def learn(params, inputs, pretrained):
        return network.apply_train(variables._replace(params=params), inputs, mask, rates, KEY, pretrained)

    whole = (variables.params, inputs, pretrained)
    fine, _ = learn(*whole)
    coarse, stats = learn(*jax.tree.map(lambda x: x.astype(jnp.bfloat16), whole))
    assert coarse.dtype == jnp.bfloat16
    assert all(leaf.dtype == jnp.float32 for leaf in jax.tree.leaves(stats))
    np.testing.assert_allclose(coarse.astype(jnp.float32), fine, atol=0.1 * float(jnp.std(fine)) + 0.05)
