"""Self-attention of wav2vec 2.0 and HuBERT, and of WavLM, with a bias that depends on the distance of two frames.

Sizes are named as in `voxjax.encoders`; T are frames.
"""

import math

import flax.linen as nn
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from voxjax.encoders.wav2vec2_config import Config

_GATE_PARTS = 4  # numbers that are summed for one gate, as in the reference


class Attention(nn.Module):
    """`[B, T, D]`, mask `[B, T]` and no bias `-> [B, T, D]` and no bias (Vaswani et al. 2017)."""

    config: Config

    @nn.compact
    def __call__(
        self, x: Float[Array, "B T D"], mask: Bool[Array, "B T"], bias: Float[Array, "H T T"] | None
    ) -> tuple[Float[Array, "B T D"], Float[Array, "H T T"] | None]:
        return _attend(self.config.num_attention_heads, x, _padding_bias(mask)), bias


class GatedAttention(nn.Module):
    """Attention with a gated bias for each distance (Chen et al. 2022, WavLM; the gate is Chi et al.'s 2022).

    The first block computes the bias `[H, T, T]` and later ones take it; each scales it by its own gate.
    """

    config: Config

    @nn.compact
    def __call__(
        self, x: Float[Array, "B T D"], mask: Bool[Array, "B T"], bias: Float[Array, "H T T"] | None
    ) -> tuple[Float[Array, "B T D"], Float[Array, "H T T"] | None]:
        config = self.config
        if bias is None:
            table = nn.Embed(config.num_buckets, config.num_attention_heads, name="rel_attn_embed")
            bias = _by_pair(table(buckets(config, x.shape[1])))
        added = _padding_bias(mask) + self._gate(x) * bias[None]
        return _attend(config.num_attention_heads, x, added), bias

    def _gate(self, x: Float[Array, "B T D"]) -> Float[Array, "B H T 1"]:
        """The factor of the distance bias for each frame, at least 1: `[B, T, D] -> [B, H, T, 1]`."""
        heads = self.config.num_attention_heads
        parts = x.reshape(*x.shape[:2], heads, -1).swapaxes(1, 2)  # [B, H, T, D / H]
        parts = nn.Dense(2 * _GATE_PARTS, name="gru_rel_pos_linear")(parts)
        gates = nn.sigmoid(jnp.sum(parts.reshape(*parts.shape[:3], 2, _GATE_PARTS), axis=-1))
        update, reset = gates[..., :1], gates[..., 1:]
        scale = self.param("gru_rel_pos_const", nn.initializers.ones, (1, heads, 1, 1))
        return update * (reset * scale - 1.0) + 2.0


# A family with another attention is a module and a row.
ATTENTIONS: dict[str, type[nn.Module]] = {"hubert": Attention, "wav2vec2": Attention, "wavlm": GatedAttention}


def buckets(config: Config, frames: int) -> Int[np.ndarray, " 2*{frames}-1"]:
    """The bucket of each distance from `1 - frames` to `frames - 1`: int32 `[2 * frames - 1]`.

    Half the buckets are for later frames. In each half, small distances have one bucket each and larger ones share
    buckets, evenly in the logarithm, up to `max_bucket_distance` (Raffel et al. 2020). In float32 as the reference,
    where rounding decides distances at the edge of two buckets.
    """
    half = config.num_buckets // 2
    exact = half // 2
    distance = np.arange(1 - frames, frames)
    far = np.maximum(np.abs(distance), 1).astype(np.float32) / np.float32(exact)
    fraction = np.log(far) / np.float32(math.log(config.max_bucket_distance / exact))
    shared = exact + fraction * np.float32(half - exact)
    bucket = np.where(np.abs(distance) < exact, np.abs(distance), np.minimum(shared.astype(np.int32), half - 1))
    return (bucket + np.where(distance > 0, half, 0)).astype(np.int32)


def _by_pair(values: Float[Array, "distances H"]) -> Float[Array, "H T T"]:
    """Values by distance as values by pair of frames: `[2T - 1, H] -> [H, T, T]`."""
    frames = (values.shape[0] + 1) // 2
    place = jnp.arange(frames)
    return jnp.moveaxis(values[place[None, :] - place[:, None] + frames - 1], -1, 0)


def _padding_bias(mask: Bool[Array, "B T"]) -> Float[Array, "B 1 1 T"]:
    """Minus infinity where a key is padding: `[B, T] -> [B, 1, 1, T]`."""
    return jnp.where(mask, 0.0, -jnp.inf)[:, None, None, :]


def _attend(heads: int, x: Float[Array, "B T D"], bias: Float[Array, "#B #H #T T"]) -> Float[Array, "B T D"]:
    """Attention, with a bias of the scores `[B, 1 or H, 1 or T, T]`: `[B, T, D] -> [B, T, D]`; for use in a module."""

    def split(name: str) -> Float[Array, "B T H _"]:
        return nn.Dense(x.shape[-1], name=name)(x).reshape(*x.shape[:2], heads, -1)  # [B, T, H, D / H]

    query, key, value = split("q_proj"), split("k_proj"), split("v_proj")
    scores = jnp.einsum("bqhd,bkhd->bhqk", query * query.shape[-1] ** -0.5, key)
    weights = nn.softmax(scores + bias)
    mixed = jnp.einsum("bhqk,bkhd->bqhd", weights, value).reshape(x.shape)
    return nn.Dense(x.shape[-1], name="out_proj")(mixed)
