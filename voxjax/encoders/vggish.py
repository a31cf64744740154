"""VGGish (Hershey et al. 2017): six convolutions and three dense layers, trained on the labels of YouTube videos.

Sizes are named as in `voxjax.encoders`.

The last layer's output is taken before any activation, as in the published definition: "the embedding value is
pre-activation" (README of tensorflow/models, research/audioset/vggish). The PyTorch port adds a ReLU.
"""

import functools
from collections.abc import Sequence

import flax.linen as nn
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from voxjax.encoders import mel_patches, vggish_input
from voxjax.encoders.tensors import Params, Tensors

# The name of each layer in the published variables and in the PyTorch port. Convolutions come first.
_CONVOLUTIONS = {
    "conv1": ("vggish/conv1", "features.0"),
    "conv2": ("vggish/conv2", "features.3"),
    "conv3_1": ("vggish/conv3/conv3_1", "features.6"),
    "conv3_2": ("vggish/conv3/conv3_2", "features.8"),
    "conv4_1": ("vggish/conv4/conv4_1", "features.11"),
    "conv4_2": ("vggish/conv4/conv4_2", "features.13"),
}
_DENSE = {
    "fc1_1": ("vggish/fc1/fc1_1", "embeddings.0"),
    "fc1_2": ("vggish/fc1/fc1_2", "embeddings.2"),
    "fc2": ("vggish/fc2", "embeddings.4"),
}
_LAYERS = _CONVOLUTIONS | _DENSE
_NAMES = tuple(_LAYERS)
_POOLED = ("conv1", "conv2", "conv3_2", "conv4_2")  # time and frequency are halved after these
_PIXELS = mel_patches.PATCH * mel_patches.MELS // 4 ** len(_POOLED)  # 6 in time by 4 in frequency


class VGGish(nn.Module):
    """One layer's output `[patches, C]` for `[patches, 96, 64]`; of a convolution, its mean over time and frequency.

    The first dense layer takes the flattened output of the last convolution, time first and channels last.
    """

    widths: tuple[int, ...]  # channels of the layers up to the chosen one

    @nn.compact
    def __call__(self, x: Float[Array, "patches 96 64"]) -> Float[Array, "patches C"]:
        x = x[..., None]
        names = _NAMES[: len(self.widths)]
        for name, channels in zip(names, self.widths, strict=True):
            if name in _CONVOLUTIONS:
                x = nn.relu(nn.Conv(channels, (3, 3), name=name)(x))
            else:
                x = nn.Dense(channels, name=name)(x.reshape(x.shape[0], -1))
                x = x if name == _NAMES[-1] else nn.relu(x)
            if name in _POOLED and name != names[-1]:
                x = nn.max_pool(x, (2, 2), (2, 2))
        return x if x.ndim == 2 else jnp.mean(x, axis=(1, 2))


def apply(
    blocks: Sequence[int],
    params: Params,
    samples: Float[Array | np.ndarray, "B time"],
    lengths: Int[Array | np.ndarray, " B"],
) -> tuple[Float[Array, "B P 1 C"], Bool[Array, "B P"]]:
    """The output of one layer for each patch; layer 9 is VGGish's embedding. Padding does not change it.

    Args:
        blocks: one layer, from 1 to 9; static.
        params: as `params` returns them.
        samples: float32 `[B, time]` at 16 kHz.
        lengths: int32 `[B]`, in samples.

    Returns:
        float32 `[B, P, 1, C]`, zero beyond each clip, and bool `[B, P]`; 0.96 s from patch to patch.
    """
    patches, mask = vggish_input.patches(samples, lengths)
    module = VGGish(tuple(params[name]["bias"].shape[0] for name in _NAMES[: _only(blocks)]))
    return mel_patches.each(patches, mask, functools.partial(module.apply, {"params": params})), mask


def params(tensors: Tensors, blocks: Sequence[int]) -> Params:
    """Weights of the layers up to the chosen one, with the widths of the file.

    Args:
        tensors: the published variables (`vggish/conv1/weights`, kernels `[time, frequency, into, out]`), or those of
            the PyTorch port (`features.0.weight`, kernels `[out, into, time, frequency]`).
        blocks: one layer, from 1 to 9.

    Raises:
        UsageError: at several layers, or one that VGGish does not have.
        VoxJaxError: at a tensor that is missing or of another shape.
    """
    layer = _ported if "features.0.weight" in tensors else _published
    tree: dict[str, dict[str, np.ndarray]] = {}
    into = 1
    for name in _NAMES[: _only(blocks)]:
        into = into * _PIXELS if name == "fc1_1" else into
        tree[name] = layer(tensors, name, into)
        into = tree[name]["bias"].shape[0]
    return tree


def _published(tensors: Tensors, name: str, into: int) -> dict[str, np.ndarray]:
    places = (3, 3) if name in _CONVOLUTIONS else ()
    theirs, _ = _LAYERS[name]
    kernel = tensors.take(f"{theirs}/weights", (*places, into, None))
    return {"kernel": kernel, "bias": tensors.take(f"{theirs}/biases", kernel.shape[-1:])}


def _ported(tensors: Tensors, name: str, into: int) -> dict[str, np.ndarray]:
    places = (3, 3) if name in _CONVOLUTIONS else ()
    _, theirs = _LAYERS[name]
    kernel = tensors.take(f"{theirs}.weight", (None, into, *places))
    bias = tensors.take(f"{theirs}.bias", kernel.shape[:1])
    return {"kernel": kernel.transpose(*range(2, kernel.ndim), 1, 0), "bias": bias}


def _only(blocks: Sequence[int]) -> int:
    return mel_patches.only("VGGish", len(_LAYERS), blocks)
