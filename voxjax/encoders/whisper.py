"""Whisper's encoder (Radford et al. 2022): two convolutions and pre-norm transformer blocks, 50 positions a second.

Sizes are named as in `voxjax.encoders`.
"""

import re
from collections.abc import Sequence
from typing import Any, cast

import flax.linen as nn
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from voxjax.encoders import whisper_input
from voxjax.encoders.tensors import Params, Tensors
from voxjax.errors import UsageError, mismatch

_HEAD_CHANNELS = 64  # in every published size
_EPSILON = 1e-5


class Attention(nn.Module):
    """Self-attention over a clip's valid positions: `[B, T, D], [B, T] -> [B, T, D]`."""

    heads: int

    @nn.compact
    def __call__(self, x: Float[Array, "B T D"], mask: Bool[Array, "B T"]) -> Float[Array, "B T D"]:
        channels = x.shape[-1]

        def split(name: str, bias: bool) -> Float[Array, "B T H _"]:
            y = nn.Dense(channels, use_bias=bias, name=name)(x)
            return y.reshape(*x.shape[:2], self.heads, -1)  # [B, T, H, D / H]

        query, key, value = split("query", True), split("key", False), split("value", True)
        scores = jnp.einsum("bqhd,bkhd->bhqk", query, key) * (channels // self.heads) ** -0.5
        scores = jnp.where(mask[:, None, None, :], scores, -jnp.inf)
        mixed = jnp.einsum("bhqk,bkhd->bqhd", nn.softmax(scores), value).reshape(x.shape)
        return nn.Dense(channels, name="out")(mixed)


class Block(nn.Module):
    """Attention, then a feed-forward network, each pre-normed with a residual connection: `[B, T, D] -> [B, T, D]`.

    It also returns the hidden units of the feed-forward network, `[B, T, 4D]`; each responds to some pattern of
    the input (Geva et al. 2021, for text).
    """

    heads: int

    @nn.compact
    def __call__(
        self, x: Float[Array, "B T D"], mask: Bool[Array, "B T"]
    ) -> tuple[Float[Array, "B T D"], Float[Array, "B T 4*D"]]:
        x = x + Attention(self.heads, name="attn")(nn.LayerNorm(_EPSILON, name="attn_ln")(x), mask)
        hidden = nn.Dense(4 * x.shape[-1], name="mlp_in")(nn.LayerNorm(_EPSILON, name="mlp_ln")(x))
        hidden = nn.gelu(hidden, approximate=False)
        return x + nn.Dense(x.shape[-1], name="mlp_out")(hidden), hidden


class Whisper(nn.Module):
    """Outputs of chosen blocks and mask: log-mels `[B, frames, 80]`, `[B, frames]` to `[B, T, N, D]`, `[B, T]`.

    T is half the frames, rounded up. Block 0 is the input of the first block. With `hidden` it returns the blocks'
    hidden units instead, `[B, T, N, 4D]`, and has no block 0.
    """

    channels: int
    blocks: tuple[int, ...]
    hidden: bool = False

    @nn.compact
    def __call__(
        self, mels: Float[Array, "B frames 80"], mask: Bool[Array, "B frames"]
    ) -> tuple[Float[Array, "B T N D"], Bool[Array, "B T"]]:
        x = nn.gelu(nn.Conv(self.channels, (3,), padding=1, name="conv1")(mels), approximate=False)
        x = jnp.where(mask[..., None], x, 0.0)  # positions beyond the clip must equal padding
        x = nn.gelu(nn.Conv(self.channels, (3,), 2, padding=1, name="conv2")(x), approximate=False)  # [B, T, D]
        mask = mask[:, ::2]
        x = x + self.param("positions", nn.initializers.zeros, (x.shape[1], self.channels))[None]
        outputs = [x]
        for i in range(max(self.blocks)):
            x, hidden = Block(self.channels // _HEAD_CHANNELS, name=f"block{i + 1}")(x, mask)
            outputs.append(hidden if self.hidden else x)
        chosen = jnp.stack([outputs[k] for k in self.blocks], axis=2)
        return jnp.where(mask[..., None, None], chosen, 0.0), mask


def apply(
    blocks: Sequence[int],
    params: Params,
    samples: Float[Array | np.ndarray, "B time"],
    lengths: Int[Array | np.ndarray, " B"],
) -> tuple[Float[Array, "B T N D"], Bool[Array, "B T"]]:
    """Outputs of chosen blocks for zero-padded clips. More padding does not change them.

    Args:
        blocks: counted from 1; static.
        params: as `params` returns them, of the same blocks or more.
        samples: float32 `[B, time]` at 16 kHz.
        lengths: int32 `[B]`, in samples.

    Returns:
        float32 `[B, T, N, D]`, zero beyond each clip, and bool `[B, T]`; 50 positions a second.

    Raises:
        UsageError: at clips longer than the encoder's positions (30 s).
    """
    return _apply(blocks, False, params, samples, lengths)


def hidden(
    blocks: Sequence[int],
    params: Params,
    samples: Float[Array | np.ndarray, "B time"],
    lengths: Int[Array | np.ndarray, " B"],
) -> tuple[Float[Array, "B T N D"], Bool[Array, "B T"]]:
    """Hidden units of the feed-forward layers of chosen blocks, after GELU: as `apply`, with 4D channels a block."""
    return _apply(blocks, True, params, samples, lengths)


def _apply(
    blocks: Sequence[int],
    hidden: bool,
    params: Params,
    samples: Float[Array | np.ndarray, "B time"],
    lengths: Int[Array | np.ndarray, " B"],
) -> tuple[Float[Array, "B T N D"], Bool[Array, "B T"]]:
    mels, mask = whisper_input.log_mels(samples, lengths)
    longest, known = -(-mels.shape[1] // 2), params["positions"].shape[0]
    if longest > known:
        do = "lower config.features.max_duration_s"
        raise UsageError(mismatch("Whisper", f"at most {known // 50} s", f"{longest / 50:g} s", do))
    params = {**params, "positions": params["positions"][:longest]}
    module = Whisper(params["conv1"]["bias"].shape[0], tuple(blocks), hidden)
    return cast(tuple[Array, Array], module.apply({"params": params}, mels, mask))


def params(tensors: Tensors, blocks: Sequence[int]) -> Params:
    """Weights of the convolutions and of all blocks up to the last chosen one, in Flax's layout.

    Args:
        tensors: under the names of the reference implementation (`encoder.blocks.0.attn.query.weight`) or of
            Hugging Face's (`model.encoder.layers.0.self_attn.q_proj.weight`).
        blocks: the chosen blocks, counted from 1.

    Raises:
        VoxJaxError: at a tensor that is missing or of another shape.
        UsageError: at a block that is not in the file.
    """
    known = tensors.renamed(_reference_name)
    channels = known.shape("conv1.bias")[0]
    held = sum(re.fullmatch(r"blocks\.\d+\.attn_ln\.weight", name) is not None for name in known.names())
    if not all(0 <= k <= held for k in blocks):
        do = "choose config.features.blocks among these"
        raise UsageError(mismatch("encoder", f"blocks from 1 to {held}", ", ".join(map(str, blocks)), do))
    tree: dict[str, Any] = {
        "positions": known.take("positional_embedding", (None, channels)),
        "conv1": _conv(known, "conv1", whisper_input.MELS, channels),
        "conv2": _conv(known, "conv2", channels, channels),
    }
    return tree | {f"block{i + 1}": _block(known, f"blocks.{i}", channels) for i in range(max(blocks))}


def block(weights: Params, x: Float[Array, "B T D"], mask: Bool[Array, "B T"]) -> Float[Array, "B T D"]:
    """One block alone, on the output of the block below: `[B, T, D], [B, T] -> [B, T, D]`."""
    module = Block(x.shape[-1] // _HEAD_CHANNELS)
    return cast(tuple[Array, Array], module.apply({"params": weights}, x, mask))[0]


def block_weights(params: Params, number: int) -> Params:
    """The weights of one block, counted from 1, from the result of `params`."""
    return dict(params[f"block{number}"])


def _conv(known: Tensors, name: str, into: int, out: int) -> dict[str, np.ndarray]:
    kernel = known.take(f"{name}.weight", (out, into, 3))
    return {"kernel": kernel.transpose(2, 1, 0), "bias": known.take(f"{name}.bias", (out,))}


def _dense(known: Tensors, name: str, into: int, out: int) -> dict[str, np.ndarray]:
    tree = {"kernel": known.take(f"{name}.weight", (out, into)).T}
    return tree if name.endswith("key") else tree | {"bias": known.take(f"{name}.bias", (out,))}


def _norm(known: Tensors, name: str, channels: int) -> dict[str, np.ndarray]:
    return {"scale": known.take(f"{name}.weight", (channels,)), "bias": known.take(f"{name}.bias", (channels,))}


def _block(known: Tensors, name: str, channels: int) -> Params:
    return {
        "attn_ln": _norm(known, f"{name}.attn_ln", channels),
        "attn": {
            part: _dense(known, f"{name}.attn.{part}", channels, channels) for part in ("query", "key", "value", "out")
        },
        "mlp_ln": _norm(known, f"{name}.mlp_ln", channels),
        "mlp_in": _dense(known, f"{name}.mlp.0", channels, 4 * channels),
        "mlp_out": _dense(known, f"{name}.mlp.2", 4 * channels, channels),
    }


_HUGGING_FACE = {
    "layers.": "blocks.",
    "self_attn_layer_norm": "attn_ln",
    "self_attn.q_proj": "attn.query",
    "self_attn.k_proj": "attn.key",
    "self_attn.v_proj": "attn.value",
    "self_attn.out_proj": "attn.out",
    "final_layer_norm": "mlp_ln",
    "fc1": "mlp.0",
    "fc2": "mlp.2",
    "embed_positions.weight": "positional_embedding",
}


def _reference_name(name: str) -> str:
    """The reference implementation's name of a published tensor; "" for tensors outside the encoder."""
    found = re.fullmatch(r"(?:model\.)?(?:encoder\.)(.+)", name)
    if found is None:
        return ""
    name = found.group(1)
    for theirs, ours in _HUGGING_FACE.items():
        name = name.replace(theirs, ours)
    return name
