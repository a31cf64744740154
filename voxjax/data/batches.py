"""The order of training rows: a function of the member's key and the epoch."""

import functools

import jax
import jax.numpy as jnp
from jaxtyping import Array, Int, Key

_ORDER = 2  # a number of its own: the step folds in 0 and 1


def steps_per_epoch(rows: int, batch_size: int) -> int:
    """Number of full batches in an epoch. The rows left over differ from epoch to epoch."""
    return max(1, rows // batch_size)


@functools.partial(jax.jit, static_argnums=(2, 3))
def order(key: Key[Array, ""], epoch: Int[Array, ""], rows: int, batch_size: int) -> Int[Array, "steps {batch_size}"]:
    """The batches of an epoch.

    Args:
        key: the member's key.
        epoch: int32 `[]`, from 0.
        rows: number of training rows.
        batch_size: rows in a batch; if there are fewer rows, they are repeated to fill it.

    Returns:
        int32 `[steps, batch]`, row indices without repetition within an epoch, if there are enough rows.
    """
    key = jax.random.fold_in(jax.random.fold_in(key, 2**31 + _ORDER), epoch)
    shuffled = jax.random.permutation(key, rows).astype(jnp.int32)
    steps = steps_per_epoch(rows, batch_size)
    picked = jnp.resize(shuffled, (steps * batch_size,))
    return picked.reshape(steps, batch_size)
