"""Learning-rate schedule, AdamW and averaged weights, with every rate traced."""

from collections.abc import Mapping, Sequence

import jax
import jax.numpy as jnp
import optax
from jax.tree_util import KeyEntry
from jaxtyping import Array, Float, Int, PyTree

from voxjax.config import Hyper
from voxjax.encoders.static_config import TUNED

Flat = Mapping[str, Float[Array, " _"]]  # all arrays of one kind, joined
Path = Sequence[KeyEntry]
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


def flatten(params: PyTree[Float[Array, "..."]]) -> Flat:
    """The parameters as one vector for each kind of treatment: `{kind: [N]}`.

    A step on a few long vectors compiles to a few loops, a step on each array to hundreds. Kinds are kernels and other
    arrays, of the network itself and of each fine-tuned block of an encoder. Arrays follow one another in tree order.
    """
    kinds: dict[str, list[Array]] = {}
    for path, leaf in jax.tree_util.tree_leaves_with_path(params):
        kinds.setdefault(_kind(path, leaf.ndim), []).append(leaf.reshape(-1))
    return {kind: jnp.concatenate(vectors) for kind, vectors in kinds.items()}


def unflatten(flat: Flat, like: PyTree[Float[Array, "..."]]) -> PyTree[Float[Array, "..."]]:
    """The inverse of `flatten`; shapes are those of the arrays of `like`."""
    places = dict.fromkeys(flat, 0)

    def leaf(path: Path, old: Array) -> Array:
        kind = _kind(path, old.ndim)
        first = places[kind]
        places[kind] = first + old.size
        return flat[kind][first : first + old.size].reshape(old.shape)

    return jax.tree_util.tree_map_with_path(leaf, like)


def adamw(hyper: Hyper, rate: Scalar) -> optax.GradientTransformation:
    """AdamW (Loshchilov and Hutter 2019) of flat parameters, with a clipped global norm.

    Weight decay acts on arrays of two or more axes: kernels, not biases.
    """
    return optax.chain(
        optax.clip_by_global_norm(hyper.clip_norm),
        optax.scale_by_adam(),
        optax.add_decayed_weights(hyper.weight_decay, mask=_decayed),
        optax.scale(-rate),
    )


def update(
    hyper: Hyper, progress: Scalar, gradient: Flat, state: optax.OptState, params: Flat
) -> tuple[Flat, optax.OptState]:
    """The flat parameters after one step of `adamw` at the scheduled rate, and its new state."""
    with jax.numpy_dtype_promotion("standard"):  # Optax raises a float to the power of an integer count
        updates, state = adamw(hyper, learning_rate(hyper, progress)).update(gradient, state, params)
    updates = {kind: _layerwise(hyper, progress, kind, vector) for kind, vector in updates.items()}
    return optax.apply_updates(params, updates), state


def _layerwise(hyper: Hyper, progress: Scalar, kind: str, updates: Float[Array, " N"]) -> Float[Array, " N"]:
    """Updates, scaled down where they belong to a pretrained block; `tuned_0` is the highest block.

    Lower blocks have lower rates and are unfrozen later (Howard and Ruder 2018).
    """
    block, _, _ = kind.rpartition("/")
    if not block:
        return updates
    depth = int(block.removeprefix(TUNED))
    unfrozen = progress >= (depth + 1) * hyper.unfreeze_fraction
    return jnp.where(unfrozen, hyper.finetune_rate_scale * hyper.layerwise_rate_decay**depth, 0.0) * updates


def add_l2(weight: Scalar, loss: Float[Array, ""], gradient: Flat, params: Flat) -> tuple[Float[Array, ""], Flat]:
    """The loss and its flat gradient with the penalty of `weight` times half the sum of squares of all kernels."""
    decayed = _decayed(params)
    squares = [jnp.sum(jnp.square(vector)) for kind, vector in params.items() if decayed[kind]]
    loss = loss + 0.5 * weight * sum(squares, jnp.float32(0))
    return loss, {kind: g + weight * params[kind] if decayed[kind] else g for kind, g in gradient.items()}


def moving_average(
    decay: Scalar, step: Int[Array, ""], mean: PyTree[Float[Array, "..."]], new: PyTree[Float[Array, "..."]]
) -> PyTree[Float[Array, "..."]]:
    """An exponential moving average that starts as a plain mean, so that early steps soon have little weight."""
    steps = step.astype(jnp.float32)
    keep = jnp.minimum(decay, (1.0 + steps) / (10.0 + steps))
    return jax.tree.map(lambda a, b: keep * a + (1.0 - keep) * b, mean, new)


def _kind(path: Path, axes: int) -> str:
    """Of an array, "kernels" or "others", after "tuned_N/" where it belongs to a fine-tuned block."""
    names = [str(part.key) for part in path if hasattr(part, "key")]
    block = next((f"{name}/" for name in names if name.startswith(TUNED)), "")
    return block + ("kernels" if axes > 1 else "others")


def _decayed(flat: Flat) -> dict[str, bool]:
    return {kind: kind.endswith("kernels") for kind in flat}
