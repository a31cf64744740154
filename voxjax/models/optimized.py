"""Optimized: multi-scale convolutions with squeeze-and-excitation, then BiLSTMs, then dense layers."""

import dataclasses

import flax.linen as nn
import jax
import jax.numpy as jnp

from voxjax.config import one_of
from voxjax.errors import UsageError, mismatch
from voxjax.models import layers

Array = jax.Array


@dataclasses.dataclass(frozen=True)
class Options:
    """Shape of the network. With `stem=()` and `pooling="last"` it is the guide's drawing."""

    stem: tuple[int, ...] = ()  # filters of 3x3 convolutions over time and frequency, before the blocks
    stem_bins: int = 64  # leading channels that are a spectrum; the rest pass by the stem and join behind it
    filters: tuple[int, ...] = (32, 64, 64)  # of each branch, one number a block
    kernels: tuple[int, ...] = (3, 5, 7)  # parallel branches, in positions
    pool: int = 2  # positions merged after each block
    reduction: int = 8  # of squeeze-and-excitation
    lstm: tuple[int, ...] = (128, 64)  # units each way
    dense: tuple[int, ...] = (256, 128)
    pooling: str = "last"  # last | attention: what the dense layers see of the BiLSTM
    heads: int = 4  # of attention pooling

    def __post_init__(self) -> None:
        one_of("config.model.pooling", self.pooling, POOLINGS)
        channels = 2 * self.lstm[-1] if self.lstm else len(self.kernels) * self.filters[-1]
        if self.pooling == "attention" and channels % self.heads:
            found = f"{self.heads} heads for {channels} channels"
            do = "choose config.model.heads to divide them (twice the last of config.model.lstm)"
            raise UsageError(mismatch("attention pooling", "an equal share of channels for each head", found, do))


POOLINGS = {
    "last": lambda options, x, mask: layers.last_states(x, mask),
    "attention": lambda options, x, mask: layers.AttentionPool(options.heads)(x, mask),
}


class Stem(nn.Module):
    """3x3 convolutions over time and frequency: `[B, T, C] -> [B, ceil(T / 2), bins / 2^n * filters + rest]`.

    Unlike a convolution over time alone they know a pattern again when the voice is higher. Each
    halves frequency; the first also halves time. Channels beyond `bins` (energy, pitch) have no
    frequency axis: of them every second frame joins what comes out.
    """

    filters: tuple[int, ...]
    bins: int

    @nn.compact
    def __call__(self, x: Array, mask: Array, rates: layers.Rates | None) -> tuple[Array, Array]:
        rest = jnp.where(mask[..., None], x[..., self.bins :], 0.0)[:, ::2]
        x = x[..., : self.bins, None]  # [B, T, F, 1]
        for i, filters in enumerate(self.filters):
            x = jnp.where(mask[:, :, None, None], x, 0.0)
            stride = 2 if i == 0 else 1
            # "SAME" would place the windows by the parity of T, that is by the padding.
            x = nn.Conv(filters, (3, 3), (stride, 2), padding=((1, 1), (1, 1)), use_bias=False)(x)
            mask = mask[:, ::stride]
            x = nn.relu(layers.BatchNorm()(x, mask, rates))  # [B, T / 2, F / 2, filters]
        return jnp.concatenate([x.reshape(*x.shape[:2], -1), rest], axis=-1), mask


class Block(nn.Module):
    """Multi-scale convolution, batch norm, ReLU, squeeze-and-excitation, pooling, dropout."""

    filters: int
    options: Options

    @nn.compact
    def __call__(self, x: Array, mask: Array, rates: layers.Rates | None) -> tuple[Array, Array]:
        x = layers.MultiScaleConv(self.filters, self.options.kernels)(x, mask)  # [B, T, branches * filters]
        x = nn.relu(layers.BatchNorm()(x, mask, rates))
        x = layers.SqueezeExcite(self.options.reduction)(x, mask)
        x, mask = layers.max_pool(x, mask, self.options.pool)  # [B, T / pool, C]
        return layers.Dropout()(x, None if rates is None else rates.block), mask


class Optimized(nn.Module):
    """Scores of the classes from features: `[B, T, C]` with bool `[B, T]` to logits `[B, K]`.

    `rates` are the dropout rates in training and None in evaluation, where batch norm uses its
    running statistics.
    """

    options: Options
    classes: int

    @nn.compact
    def __call__(self, x: Array, mask: Array, rates: layers.Rates | None) -> Array:
        if self.options.stem:
            x, mask = Stem(self.options.stem, self.options.stem_bins)(x, mask, rates)
        for filters in self.options.filters:
            x, mask = Block(filters, self.options)(x, mask, rates)
        for units in self.options.lstm:
            x = layers.BiLSTM(units)(x, mask)  # [B, T, 2 * units]
        x = POOLINGS[self.options.pooling](self.options, x, mask)
        head_rate = None if rates is None else rates.head
        for units in self.options.dense:
            x = layers.Dropout()(nn.relu(nn.Dense(units)(x)), head_rate)
        return nn.Dense(self.classes)(x)  # [B, K]
