"""Learning-rate schedule, AdamW and averaged weights, with every rate traced."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import optax
from jax.tree_util import KeyEntry
from jaxtyping import Array, Float, Int, PyTree

from voxjax.config import Hyper
from voxjax.encoders.static_config import TUNED

Scalar = Float[Array, ""] | float  # traced where members of an ensemble differ in it


def ramp(progress: Scalar, fraction: Scalar) -> Float[Array, ""]:
    """Rises linearly from 0 to 1 over the first `fraction` of training; always 1 where that is 0: `[] -> []`."""
    return jnp.where(fraction > 0.0, jnp.minimum(1.0, progress / jnp.maximum(fraction, 1e-6)), 1.0)


def learning_rate(hyper: Hyper, progress: Scalar) -> Float[Array, ""]:
    """Linear warm-up, then a cosine to a floor (Loshchilov and Hutter 2017).

    Args:
        hyper: peak, `warmup_fraction`, `cosine_fraction` and `floor_fraction`.
        progress: fraction of all steps done, in [0, 1].

    Returns:
        The rate, `[]`.
    """
    position = (progress - hyper.warmup_fraction) / jnp.maximum(hyper.cosine_fraction - hyper.warmup_fraction, 1e-6)
    cosine = 0.5 * (1.0 + jnp.cos(jnp.pi * jnp.clip(position, 0.0, 1.0)))
    factor = hyper.floor_fraction + (1.0 - hyper.floor_fraction) * cosine
    return hyper.learning_rate * factor * ramp(progress, hyper.warmup_fraction)


def adamw(hyper: Hyper, rate: Scalar) -> optax.GradientTransformation:
    """AdamW (Loshchilov and Hutter 2019) with a clipped global norm.

    Weight decay acts on arrays of two or more axes: kernels, not biases.
    """
    return optax.chain(
        optax.clip_by_global_norm(hyper.clip_norm),
        optax.scale_by_adam(),
        optax.add_decayed_weights(hyper.weight_decay, mask=_kernels),
        optax.scale(-rate),
    )


def update(
    hyper: Hyper, progress: Scalar, gradient: PyTree, state: optax.OptState, params: PyTree
) -> tuple[PyTree, optax.OptState]:
    """The parameters after one step of `adamw` at the scheduled rate, and its new state."""
    with jax.numpy_dtype_promotion("standard"):  # Optax raises a float to the power of an integer count
        updates, state = adamw(hyper, learning_rate(hyper, progress)).update(gradient, state, params)
    updates = jax.tree_util.tree_map_with_path(lambda path, leaf: _layerwise(hyper, progress, path, leaf), updates)
    return optax.apply_updates(params, updates), state


def _layerwise(
    hyper: Hyper, progress: Scalar, path: Sequence[KeyEntry], leaf: Float[Array, "*shape"]
) -> Float[Array, "*shape"]:
    """An update, scaled down where it belongs to a pretrained block; `tuned_0` is the highest block.

    Lower blocks have lower rates and are unfrozen later (Howard and Ruder 2018).
    """
    names = [str(part.key) for part in path if hasattr(part, "key")]
    depth = next((int(name.removeprefix(TUNED)) for name in names if name.startswith(TUNED)), None)
    if depth is None:
        return leaf
    unfrozen = progress >= (depth + 1) * hyper.unfreeze_fraction
    return jnp.where(unfrozen, hyper.finetune_rate_scale * hyper.layerwise_rate_decay**depth, 0.0) * leaf


def l2_penalty(params: PyTree[Float[Array, "..."]]) -> Float[Array, ""]:
    """Half the sum of squares of all kernels, `[]`; the caller multiplies it by the weight of the penalty."""
    kernels = [leaf for leaf in jax.tree.leaves(params) if leaf.ndim > 1]
    return 0.5 * sum((jnp.sum(jnp.square(kernel)) for kernel in kernels), jnp.float32(0))


def moving_average(
    decay: Scalar, step: Int[Array, ""], mean: PyTree[Float[Array, "..."]], new: PyTree[Float[Array, "..."]]
) -> PyTree[Float[Array, "..."]]:
    """An exponential moving average that starts as a plain mean, so that early steps soon have little weight."""
    steps = step.astype(jnp.float32)
    keep = jnp.minimum(decay, (1.0 + steps) / (10.0 + steps))
    return jax.tree.map(lambda a, b: keep * a + (1.0 - keep) * b, mean, new)


def _kernels(params: PyTree) -> PyTree[bool]:
    return jax.tree.map(lambda leaf: leaf.ndim > 1, params)
