"""Encoder head: a learned weighted mean of an encoder's blocks, then the layers of the Optimized network."""

import dataclasses

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from voxjax.errors import UsageError, mismatch
from voxjax.models import layers, option_checks


@dataclasses.dataclass(frozen=True)
class Options:
    """Shape of the network. Its input holds the concatenated outputs of `blocks` encoder blocks."""

    blocks: int = 1  # number of equal parts that the channels are split into
    project: int = 256  # width of the dense layer applied at each position
    filters: tuple[int, ...] = ()  # of each branch of a multi-scale convolution, one number per block
    kernels: tuple[int, ...] = (3, 5, 7)  # parallel branches, in positions
    pool: int = 2  # positions merged after each convolution block
    reduction: int = 8  # of squeeze-and-excitation
    lstm: tuple[int, ...] = ()  # units in each direction
    pooling: str = "attention"  # last | mean | mean_max | attention
    heads: int = 4  # of attention pooling
    dense: tuple[int, ...] = (128,)

    def __post_init__(self) -> None:
        option_checks.check_sizes(self, ())
        channels = len(self.kernels) * self.filters[-1] if self.filters else self.project
        channels = 2 * self.lstm[-1] if self.lstm else channels
        allowed = option_checks.AFTER_LSTM if self.lstm else option_checks.AFTER_CONVOLUTIONS
        option_checks.check_pooling(self.pooling, allowed, channels, self.heads)


class BlockWeights(nn.Module):
    """The mean of an encoder's blocks under learned weights (Yang et al. 2021): `[B, T, C] -> [B, T, C / blocks]`."""

    blocks: int

    @nn.compact
    def __call__(self, x: Float[Array, "B T C"]) -> Float[Array, "B T C//{self.blocks}"]:
        channels = x.shape[-1]
        if channels % self.blocks:
            found = f"{self.blocks} blocks for {channels} channels"
            do = "set config.model.blocks to the number of config.features.blocks"
            raise UsageError(mismatch("config.model.blocks", "a number that divides the channels", found, do))
        if self.blocks == 1:
            return x
        # The parameter's name is part of the model folder's format.
        weights = nn.softmax(self.param("shares", nn.initializers.zeros, (self.blocks,)))
        return jnp.einsum("n,btnc->btc", weights, x.reshape(*x.shape[:2], self.blocks, -1))


class EncoderHead(nn.Module):
    """Logits from an encoder's outputs: `[B, T, C], [B, T] -> [B, K]`."""

    options: Options
    classes: int

    @nn.compact
    def __call__(
        self, x: Float[Array, "B T C"], mask: Bool[Array, "B T"], rates: layers.DropoutRates | None
    ) -> Float[Array, "B {self.classes}"]:
        o = self.options
        x = nn.Dense(o.project)(BlockWeights(o.blocks)(x))  # [B, T, project]
        x = layers.Dropout()(nn.relu(x), None if rates is None else rates.block)
        for filters in o.filters:
            x, mask = layers.MultiScaleBlock(filters, o.kernels, o.reduction, o.pool)(x, mask, rates)
        for units in o.lstm:
            x = layers.BiLSTM(units)(x, mask)  # [B, T, 2 * units]
        x = layers.pooled(o.pooling, o.heads, x, mask)
        return layers.head(x, o.dense, self.classes, rates)  # [B, K]
