"""YAMNet (Plakal and Ellis 2020): a MobileNet (Howard et al. 2017) trained on AudioSet's 521 classes of sound.

Sizes are named as in `voxjax.encoders`.
"""

import functools
from collections.abc import Sequence

import flax.linen as nn
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from voxjax.encoders import mel_patches, yamnet_input
from voxjax.encoders.tensors import Params, Tensors

# Channels and stride of each layer. The first is a plain convolution, the rest are separable.
_LAYERS = (
    (32, 2), (64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2),
    (512, 1), (512, 1), (512, 1), (512, 1), (512, 1), (1024, 2), (1024, 1),
)  # fmt: skip
_CLASSES = 521


class Separable(nn.Module):
    """A depthwise convolution, then a pointwise one, each with ReLU."""

    channels: int
    stride: int

    @nn.compact
    def __call__(self, x: Float[Array, "patches _ _ C"]) -> Float[Array, "patches _ _ {self.channels}"]:
        own = nn.Conv(x.shape[-1], (3, 3), self.stride, feature_group_count=x.shape[-1], name="depthwise")
        return nn.relu(nn.Conv(self.channels, (1, 1), name="pointwise")(nn.relu(own(x))))


class First(nn.Module):
    """A plain convolution with ReLU."""

    channels: int
    stride: int

    @nn.compact
    def __call__(self, x: Float[Array, "patches _ _ C"]) -> Float[Array, "patches _ _ {self.channels}"]:
        return nn.relu(nn.Conv(self.channels, (3, 3), self.stride, name="conv")(x))


class YAMNet(nn.Module):
    """The mean over time and frequency of one layer's output, `[patches, 96, 64] -> [patches, C]`."""

    layer: int

    @nn.compact
    def __call__(self, x: Float[Array, "patches 96 64"]) -> Float[Array, "patches C"]:
        x = x[..., None]
        for i, (channels, stride) in enumerate(_LAYERS[: self.layer], 1):
            x = (First if i == 1 else Separable)(channels, stride, name=f"layer{i}")(x)
        return jnp.mean(x, axis=(1, 2))


def apply(
    blocks: Sequence[int],
    params: Params,
    samples: Float[Array | np.ndarray, "B time"],
    lengths: Int[Array | np.ndarray, " B"],
) -> tuple[Float[Array, "B P 1 C"], Bool[Array, "B P"]]:
    """The mean output of one layer for each patch; layer 14 is YAMNet's embedding.

    Args:
        blocks: one layer, from 1 to 14; static.
        params: as `params` returns them.
        samples: float32 `[B, time]` at 16 kHz.
        lengths: int32 `[B]`, in samples.

    Returns:
        float32 `[B, P, 1, C]`, zero beyond each clip, and bool `[B, P]`; 0.48 s from patch to patch.
    """
    patches, mask = yamnet_input.patches(samples, lengths)
    network = functools.partial(YAMNet(_only(blocks)).apply, {"params": params})
    return mel_patches.each(patches, mask, network), mask


def params(tensors: Tensors, blocks: Sequence[int]) -> Params:
    """Weights of the layers up to the chosen one, named as in the published model, batch norm folded in.

    Raises:
        UsageError: at several layers, or one that YAMNet does not have.
        VoxJaxError: at a tensor that is missing or of another shape.
    """
    tree: dict[str, Params] = {"layer1": {"conv": _conv(tensors, "layer1/conv", (3, 3, 1, 32))}}
    before = _LAYERS[0][0]
    for i, (channels, _) in enumerate(_LAYERS[1 : _only(blocks)], 2):
        tree[f"layer{i}"] = {
            "depthwise": _conv(tensors, f"layer{i}/depthwise", (3, 3, 1, before)),
            "pointwise": _conv(tensors, f"layer{i}/pointwise", (1, 1, before, channels)),
        }
        before = channels
    return tree


def class_probabilities(tensors: Tensors, embeddings: Float[Array, "*shape 1024"]) -> Float[Array, "*shape 521"]:
    """Probabilities of AudioSet's 521 classes in a patch, speech first: `[..., 1024] -> [..., 521]`."""
    kernel = tensors.take("logits/kernel", (_LAYERS[-1][0], _CLASSES))
    return nn.sigmoid(jnp.matmul(embeddings, kernel) + jnp.expand_dims(tensors.take("logits/bias", (_CLASSES,)), 0))


def _conv(tensors: Tensors, name: str, shape: tuple[int, ...]) -> dict[str, np.ndarray]:
    return {"kernel": tensors.take(f"{name}/kernel", shape), "bias": tensors.take(f"{name}/bias", shape[-1:])}


def _only(blocks: Sequence[int]) -> int:
    return mel_patches.only("YAMNet", len(_LAYERS), blocks)
