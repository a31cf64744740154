"""Banks of filters that each cover few neighbouring bins, as mel filters do."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from voxjax.audio import dsp

_GROUP = 32  # filters in one product: fewer skip more zeros, more keep a matrix product efficient


def apply(
    power: Float[Array, "frames bins"], filters: Float[np.ndarray, "bins filters"]
) -> Float[Array, "frames filters"]:
    """The bank in full precision, without the zeros at its borders: `[frames, bins] -> [frames, filters]`.

    Neighbouring filters are applied together, to the bins that they cover, which takes a third of the time of
    multiplying all bins by all filters.
    """
    starts = range(0, filters.shape[1], _GROUP)
    return jnp.concatenate([_group(power, filters[:, start : start + _GROUP]) for start in starts], axis=-1)


def _group(
    power: Float[Array, "frames bins"], filters: Float[np.ndarray, "bins filters"]
) -> Float[Array, "frames filters"]:
    covered = np.flatnonzero(np.any(filters, axis=1))
    if not len(covered):  # filters narrower than a bin
        return jnp.zeros((power.shape[0], filters.shape[1]), power.dtype)
    first, end = covered[0], covered[-1] + 1
    return dsp.project(power[:, first:end], filters[first:end])
