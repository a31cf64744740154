"""Further modalities of a batch: gathered, standardised and, in training, randomly dropped."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Key

from voxjax.audio import normalize
from voxjax.modalities.names import AUDIO

Inputs = dict[str, Float[Array, "B _ _"]]  # by modality, each with its own T and D
Masks = dict[str, Bool[Array, "B _"]]


class Sequences(NamedTuple):
    """One modality of several clips, unscaled. A clip without it has length 0."""

    values: Float[Array | np.ndarray, "clips T D"]
    lengths: Int[Array | np.ndarray, " clips"]


def gather_modalities(
    names: Sequence[str],
    sequences: Mapping[str, Sequences],
    scalers: Mapping[str, normalize.Scaler],
    indices: Int[Array, " B"],
    audio: tuple[Float[Array, "B T C"], Bool[Array, "B T"]],
) -> tuple[Inputs, Masks]:
    """As `with_modalities`, of the clips at `indices`, int32 `[B]`, of longer arrays."""
    chosen = {name: Sequences(*(part[indices] for part in sequences[name])) for name in names}
    return with_modalities(names, chosen, scalers, audio)


def with_modalities(
    names: Sequence[str],
    sequences: Mapping[str, Sequences],
    scalers: Mapping[str, normalize.Scaler],
    audio: tuple[Float[Array, "B T C"], Bool[Array, "B T"]],
) -> tuple[Inputs, Masks]:
    """Standardised inputs and masks by modality, those of `audio` included: `[B, T, D]` and bool `[B, T]` each."""
    inputs, masks = {AUDIO: audio[0]}, {AUDIO: audio[1]}
    for name in names:
        values, lengths = sequences[name]
        masks[name] = jnp.arange(values.shape[1])[None, :] < lengths[:, None]
        inputs[name] = normalize.standardised(scalers[name], jnp.asarray(values), masks[name])
    return inputs, masks


def drop(keys: Key[Array, " B"], rate: Float[Array, ""], inputs: Inputs, masks: Masks) -> tuple[Inputs, Masks]:
    """Modality dropout (Neverova et al. 2016): drops each modality with probability `rate`, but never all of a clip's.

    Args:
        keys: one per clip, `[B]`.
        rate: `[]`, in [0, 1].
        inputs, masks: as `gather_modalities` returns them.

    Returns:
        Inputs, zero where dropped, and masks.
    """
    names = sorted(masks)

    def one(key: Key[Array, ""], masks: dict[str, Bool[Array, " _"]]) -> dict[str, Bool[Array, " _"]]:
        present = jnp.stack([jnp.any(masks[name]) for name in names])
        kept = present & (jax.random.uniform(key, (len(names),)) >= rate)
        kept = jnp.where(jnp.any(kept), kept, present)
        return {name: masks[name] & kept[i] for i, name in enumerate(names)}

    kept = jax.vmap(one)(keys, masks)
    return {name: jnp.where(kept[name][..., None], inputs[name], 0.0) for name in names}, kept


def zeros_like_modalities(
    names: Sequence[str], sequences: Mapping[str, Sequences], audio: Float[Array, "2 T C"]
) -> Inputs:
    """Zeros of the shapes of all modalities, two clips long."""
    return {AUDIO: audio, **{name: jnp.zeros((2, *sequences[name].values.shape[1:])) for name in names}}
