"""Layers with masks: padding does not change their outputs.

Sizes are named as in `voxjax.models`. `mask` is bool `[B, T]`.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Key, UInt32

from voxjax.models.lstm_scan import lstm_scan


class DropoutRates(NamedTuple):
    """Traced dropout rates in [0, 1): after convolution blocks, and between dense layers."""

    block: Float[Array, ""]
    head: Float[Array, ""]


class Dropout(nn.Module):
    """Dropout with a traced rate (`nn.Dropout` needs a Python number). `rate=None` keeps everything.

    Each element uses eight random bits, four elements per random word; so rates are rounded to multiples of 1/256. The
    words are hashes of their positions and the layer's key, as the generator is a large part of a step on CPU.
    """

    @nn.compact
    def __call__(self, x: Float[Array, "*shape"], rate: Float[Array, ""] | None) -> Float[Array, "*shape"]:
        if rate is None:
            return x
        words = hashed_words(self.make_rng("dropout"), -(-x.size // 4))
        bits = jax.lax.bitcast_convert_type(words, jnp.uint8).reshape(-1)[: x.size].reshape(x.shape)
        threshold = jnp.round(256.0 * rate)
        kept = bits.astype(jnp.float32) >= threshold
        return jnp.where(kept, x / (1.0 - threshold / 256.0).astype(x.dtype), 0.0)


def hashed_words(key: Key[Array, ""], count: int) -> UInt32[Array, " {count}"]:
    """Random words for dropout: two rounds of a 32-bit integer hash of each position, with the key's words between.

    They pass for independent bits in masks, compile to one fused loop, and are not fit for more than masks.
    """
    first, second = jax.random.key_data(key)
    words = jnp.arange(count, dtype=jnp.uint32)
    for part in (first, second):
        words = words + part
        for shift, factor in ((16, 0x7FEB352D), (15, 0x846CA68B)):
            words = (words ^ (words >> shift)) * np.uint32(factor)
        words = words ^ (words >> 16)
    return words


class BatchNorm(nn.Module):
    """Batch normalisation over valid positions only (Ioffe and Szegedy 2015)."""

    momentum: float = 0.9

    @nn.compact
    def __call__(
        self, x: Float[Array, "*positions C"], mask: Bool[Array, "..."], rates: DropoutRates | None
    ) -> Float[Array, "*positions C"]:
        norm = nn.BatchNorm(use_running_average=rates is None, momentum=self.momentum)
        with jax.numpy_dtype_promotion("standard"):  # its statistics are always float32
            return norm(x, mask=mask.reshape(*mask.shape, *(1,) * (x.ndim - mask.ndim)))


class MultiScaleConv(nn.Module):
    """Parallel convolutions over time, one per kernel size, concatenated (Inception, Szegedy et al. 2015)."""

    filters: int
    kernels: tuple[int, ...]

    @nn.compact
    def __call__(self, x: Float[Array, "B T C"], mask: Bool[Array, "B T"]) -> Float[Array, "B T filters"]:
        x = jnp.where(mask[..., None], x, 0.0)  # positions beyond the clip must equal padding
        branches = [nn.Conv(self.filters, (kernel,), name=f"kernel{kernel}")(x) for kernel in self.kernels]
        return jnp.concatenate(branches, axis=-1)  # [B, T, kernels * filters]


class SqueezeExcite(nn.Module):
    """Channels weighted by a function of their means over the clip (Hu et al. 2018): `[B, T, C] -> [B, T, C]`."""

    reduction: int

    @nn.compact
    def __call__(self, x: Float[Array, "B T C"], mask: Bool[Array, "B T"]) -> Float[Array, "B T C"]:
        narrow = max(1, x.shape[-1] // self.reduction)
        squeezed = nn.relu(nn.Dense(narrow)(masked_mean(x, mask)))  # [B, C / reduction]
        return x * nn.sigmoid(nn.Dense(x.shape[-1])(squeezed))[:, None, :]


class ConvBlock(nn.Module):
    """Convolution over time, batch norm, ReLU, pooling, dropout: `[B, T, C] -> [B, ceil(T / pool), filters]`."""

    filters: int
    kernel: int
    pool: int

    @nn.compact
    def __call__(
        self, x: Float[Array, "B T C"], mask: Bool[Array, "B T"], rates: DropoutRates | None
    ) -> tuple[Float[Array, "B pooled channels"], Bool[Array, "B pooled"]]:
        x = nn.Conv(self.filters, (self.kernel,), use_bias=False)(jnp.where(mask[..., None], x, 0.0))
        x = nn.relu(BatchNorm()(x, mask, rates))
        x, mask = max_pool(x, mask, self.pool)
        return Dropout()(x, None if rates is None else rates.block), mask


class MultiScaleBlock(nn.Module):
    """Multi-scale convolution, batch norm, ReLU, squeeze-and-excitation, pooling, dropout.

    `[B, T, C] -> [B, ceil(T / pool), kernels * filters]`.
    """

    filters: int
    kernels: tuple[int, ...]
    reduction: int
    pool: int

    @nn.compact
    def __call__(
        self, x: Float[Array, "B T C"], mask: Bool[Array, "B T"], rates: DropoutRates | None
    ) -> tuple[Float[Array, "B pooled channels"], Bool[Array, "B pooled"]]:
        x = MultiScaleConv(self.filters, self.kernels)(x, mask)
        x = nn.relu(BatchNorm()(x, mask, rates))
        x = SqueezeExcite(self.reduction)(x, mask)
        x, mask = max_pool(x, mask, self.pool)
        return Dropout()(x, None if rates is None else rates.block), mask


class BiLSTM(nn.Module):
    """The concatenated outputs of an LSTM in both directions (Schuster and Paliwal 1997): `[B, T, C] -> [B, T, 2U]`.

    Padding is skipped: the backward pass starts at the clip's own last position. The input's part of the gates is one
    matrix product for all positions; two scans are faster than one stacked scan on CPU.
    """

    units: int

    @nn.compact
    def __call__(self, x: Float[Array, "B T C"], mask: Bool[Array, "B T"]) -> Float[Array, "B T 2*{self.units}"]:
        forward = self._direction("forward", x, mask, 0)
        backward = self._direction("backward", x, mask, 1)
        return jnp.concatenate([forward, backward], axis=-1)

    def _direction(
        self, name: str, x: Float[Array, "B T C"], mask: Bool[Array, "B T"], backward: int
    ) -> Float[Array, "B T {self.units}"]:
        units, channels = self.units, x.shape[-1]
        glorot, orthogonal = nn.initializers.glorot_uniform(), nn.initializers.orthogonal()
        kernel = self.param(f"{name}_kernel", glorot, (channels, 4 * units))
        recurrent = self.param(f"{name}_recurrent", orthogonal, (units, 4 * units))
        bias = self.param(f"{name}_bias", _open_forget_gate, (4 * units,))
        gates = jnp.swapaxes(x @ kernel + bias[None, None, :], 0, 1)  # [T, B, 4U]

        valid = jnp.swapaxes(mask, 0, 1)[..., None]  # [T, B, 1]
        hidden = lstm_scan(gates, recurrent, valid, bool(backward))
        return jnp.swapaxes(jnp.where(valid, hidden, 0.0), 0, 1)  # [B, T, U]


class AttentionPool(nn.Module):
    """Mean and deviation over time under learned weights, several heads (Okabe et al. 2018).

    `[B, T, C] -> [B, 2C]`: each head weights its own part of the channels.
    """

    heads: int

    @nn.compact
    def __call__(self, x: Float[Array, "B T C"], mask: Bool[Array, "B T"]) -> Float[Array, "B 2*C"]:
        scores = nn.Dense(self.heads)(nn.tanh(nn.Dense(x.shape[-1] // 2)(x)))  # [B, T, heads]
        scores = jnp.where(mask[..., None], scores, -jnp.inf)
        weights = jax.nn.softmax(scores, axis=1)
        parts = x.reshape(*x.shape[:2], self.heads, -1)  # [B, T, heads, C / heads]
        mean = jnp.einsum("bth,bthc->bhc", weights, parts)
        # In two passes: the mean of squares less the squared mean cancels where the mean is large.
        variance = jnp.einsum("bth,bthc->bhc", weights, jnp.square(parts - mean[:, None]))
        deviation = jnp.sqrt(jnp.maximum(variance, 1e-4))
        flat = (x.shape[0], x.shape[-1])
        return jnp.concatenate([mean.reshape(flat), deviation.reshape(flat)], axis=-1)


def fold(
    x: Float[Array, "B T C"], mask: Bool[Array, "B T"], size: int
) -> tuple[Float[Array, "B folded C*{size}"], Bool[Array, "B folded"]]:
    """Each run of `size` positions concatenated, valid if any is: `[B, T, C] -> [B, ceil(T/size), size * C]`."""
    extra = -x.shape[1] % size
    x = jnp.pad(jnp.where(mask[..., None], x, 0.0), ((0, 0), (0, extra), (0, 0)))
    mask = jnp.pad(mask, ((0, 0), (0, extra))).reshape(x.shape[0], -1, size)
    return x.reshape(x.shape[0], mask.shape[1], -1), jnp.any(mask, axis=2)


def masked_max(x: Float[Array, "B T C"], mask: Bool[Array, "B T"]) -> Float[Array, "B C"]:
    """Maximum over valid positions: `[B, T, C] -> [B, C]`."""
    return jnp.max(jnp.where(mask[..., None], x, -jnp.inf), axis=1)


def masked_mean(x: Float[Array, "B T C"], mask: Bool[Array, "B T"]) -> Float[Array, "B C"]:
    """Mean over valid positions: `[B, T, C] -> [B, C]`."""
    count = jnp.maximum(jnp.sum(mask, axis=1), 1).astype(x.dtype)
    return jnp.sum(jnp.where(mask[..., None], x, 0.0), axis=1) / count[:, None]


def max_pool(
    x: Float[Array, "B T C"], mask: Bool[Array, "B T"], size: int
) -> tuple[Float[Array, "B pooled C"], Bool[Array, "B pooled"]]:
    """The maximum of each run of `size` positions, valid if any is: `[B, T, C] -> [B, ceil(T/size), C]`."""
    extra = -x.shape[1] % size
    mask = jnp.pad(mask, ((0, 0), (0, extra)))
    x = jnp.pad(x, ((0, 0), (0, extra), (0, 0)))
    x = jnp.where(mask[..., None], x, -jnp.inf).reshape(x.shape[0], -1, size, x.shape[-1])
    mask = jnp.any(mask.reshape(x.shape[0], -1, size), axis=2)
    return jnp.where(mask[..., None], jnp.max(x, axis=2), 0.0), mask


def last_states(x: Float[Array, "B T C"], mask: Bool[Array, "B T"]) -> Float[Array, "B C"]:
    """A BiLSTM's states after its whole input: forward at the last valid position, backward at the first.

    `[B, T, 2U] -> [B, 2U]`.
    """
    last = jnp.maximum(jnp.sum(mask, axis=1) - 1, 0)
    forward = jnp.take_along_axis(x, last[:, None, None], axis=1)[:, 0]  # [B, 2U]
    half = x.shape[-1] // 2
    return jnp.concatenate([forward[:, :half], x[:, 0, half:]], axis=-1)


def mean_and_max(x: Float[Array, "B T C"], mask: Bool[Array, "B T"]) -> Float[Array, "B 2*C"]:
    """Mean and maximum over valid positions, concatenated: `[B, T, C] -> [B, 2C]`."""
    return jnp.concatenate([masked_mean(x, mask), masked_max(x, mask)], axis=-1)


POOLINGS: dict[str, Callable[[Array, Array], Array]] = {
    "mean": masked_mean,
    "mean_max": mean_and_max,
    "last": last_states,
}


def pooled(pooling: str, heads: int, x: Float[Array, "B T C"], mask: Bool[Array, "B T"]) -> Float[Array, "B channels"]:
    """A clip pooled over time: `[B, T, C] -> [B, channels]`; called inside a module.

    Args:
        pooling: "attention", or a name in `POOLINGS`.
        heads: of attention pooling.
        x, mask: positions, and which are valid.
    """
    return AttentionPool(heads)(x, mask) if pooling == "attention" else POOLINGS[pooling](x, mask)


def head(
    x: Float[Array, "B C"], dense: Sequence[int], classes: int, rates: DropoutRates | None
) -> Float[Array, "B {classes}"]:
    """Dense layers with ReLU and dropout, then the classes: `[B, C] -> [B, K]`; called inside a module."""
    for units in dense:
        x = Dropout()(nn.relu(nn.Dense(units)(x)), None if rates is None else rates.head)
    return nn.Dense(classes)(x)


def _open_forget_gate(key: Key[Array, ""], shape: tuple[int, ...]) -> Float[Array, " _"]:
    """Biases of 1 for the forget gate and 0 for the rest, so that cells first keep their state (Gers et al. 2000)."""
    del key
    return jnp.zeros(shape).at[shape[0] // 4 : shape[0] // 2].set(1.0)
