"""A loss in one file: PolyLoss (Leng et al. 2022), cross-entropy with its first term weighed anew.

voxjax train --config=docs/examples/poly_loss.py --workdir=runs/poly_loss
"""

import pathlib
import runpy

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from voxjax import losses


def poly(logits: Float[Array, " K"], targets: Float[Array, " K"], gamma: losses.Scalar) -> Float[Array, ""]:
    """Cross-entropy plus gamma times the probability that is not on the target: `[K], [K], [] -> []`, in nats."""
    log_p = jax.nn.log_softmax(logits)
    return -jnp.sum(targets * log_p) + gamma * (1.0 - jnp.sum(targets * jnp.exp(log_p)))


losses.LOSSES["poly"] = poly


def get_config():
    config = runpy.run_path(str(pathlib.Path(__file__).with_name("mean_pool.py")))["get_config"]()
    config.name = config.loss = "poly"
    config.hyper.focal_gamma = 1.0  # the number that a loss is given as `gamma`
    return config
