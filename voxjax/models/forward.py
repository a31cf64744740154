"""The one forward pass of evaluation: unscaled features of a batch in, logits out.

Sizes are named as in `voxjax.models`.
"""

from collections.abc import Mapping
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from voxjax.audio import normalize
from voxjax.config import FeatureConfig
from voxjax.encoders.tensors import Params
from voxjax.modalities import batch as modality_batch
from voxjax.models import Inputs, Masks, Network, Variables


class ForwardInputs(NamedTuple):
    """A batch of clips, unscaled and padded. Padding may hold anything."""

    features: Float[Array | np.ndarray, "B T C"]  # computed with in float32
    lengths: Int[Array | np.ndarray, " B"]  # int32, valid positions; 0 where there is no audio
    modality_inputs: Mapping[str, modality_batch.Sequences]  # of the same B clips, by name


def forward(
    network: Network,
    features: FeatureConfig,
    modalities: tuple[str, ...],
    variables: Variables,
    scaler: normalize.Scaler,
    modality_scalers: Mapping[str, normalize.Scaler],
    pretrained: Params,
    inputs: ForwardInputs,
) -> Float[Array, "B K"]:
    """Logits of a batch, without dropout or augmentation: `[B, K]`.

    Pure: `jit`, `vmap` and export are put around it by the caller.

    Args:
        network: static.
        features: what the features are, which decides how they are scaled; static.
        modalities: those that the network fuses with the audio; static, empty for audio alone.
        variables: of the network.
        scaler: fitted to the features of the training clips.
        modality_scalers: the same for each of `modalities`.
        pretrained: blocks of an encoder that the network fine-tunes, as `encoders.blocks_to_finetune` returns them.
        inputs: the batch.
    """
    network_inputs, masks = scaled_inputs(features, modalities, scaler, modality_scalers, inputs)
    return network.apply(variables, network_inputs, masks, pretrained)


def embedding(
    network: Network,
    features: FeatureConfig,
    modalities: tuple[str, ...],
    variables: Variables,
    scaler: normalize.Scaler,
    modality_scalers: Mapping[str, normalize.Scaler],
    pretrained: Params,
    inputs: ForwardInputs,
) -> Float[Array, "B D"]:
    """The network's vector of each clip, as `Network.embedding` defines it. Arguments as for `forward`."""
    network_inputs, masks = scaled_inputs(features, modalities, scaler, modality_scalers, inputs)
    return network.embedding(variables, network_inputs, masks, pretrained)


def scaled_inputs(
    features: FeatureConfig,
    modalities: tuple[str, ...],
    scaler: normalize.Scaler,
    modality_scalers: Mapping[str, normalize.Scaler],
    inputs: ForwardInputs,
) -> tuple[Inputs, Masks]:
    """A batch as a network takes it: float32 `[B, T, C]` and bool `[B, T]`, or both by modality where it fuses."""
    mask = jnp.arange(inputs.features.shape[1])[None, :] < inputs.lengths[:, None]
    values = normalize.apply(features, scaler, jnp.asarray(inputs.features, jnp.float32), mask)
    if not modalities:
        return values, mask
    return modality_batch.with_modalities(modalities, inputs.modality_inputs, modality_scalers, (values, mask))
