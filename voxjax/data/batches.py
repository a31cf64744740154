"""Which clips a step sees: a function of the member's key and the epoch alone."""

import functools

import jax
import jax.numpy as jnp

Array = jax.Array

_ORDER = 2  # separates these draws from those of the step, which folds in 0 and 1


def steps_per_epoch(rows: int, batch_size: int) -> int:
    """Whole batches in an epoch. What is left over is other rows in each epoch."""
    return max(1, rows // batch_size)


@functools.partial(jax.jit, static_argnums=(2, 3))
def order(key: Array, epoch: Array, rows: int, batch_size: int) -> Array:
    """The batches of an epoch.

    Args:
        key: the member's key.
        epoch: int32 `[]`, from 0.
        rows: number of training rows.
        batch_size: rows in a batch; with fewer rows than that, each is drawn again as often as needed.

    Returns:
        int32 `[steps, batch]`, all different within an epoch where rows suffice.
    """
    key = jax.random.fold_in(jax.random.fold_in(key, 2**31 + _ORDER), epoch)
    shuffled = jax.random.permutation(key, rows).astype(jnp.int32)
    steps = steps_per_epoch(rows, batch_size)
    picked = jnp.resize(shuffled, (steps * batch_size,))
    return picked.reshape(steps, batch_size)
