"""Hybrid: convolutions for short-term patterns, then a BiLSTM for long-term ones."""

import dataclasses

import flax.linen as nn
from jaxtyping import Array, Bool, Float

from voxjax.models import conv_stem, layers, option_checks


@dataclasses.dataclass(frozen=True)
class Options:
    """Shape of the network."""

    stem: tuple[int, ...] = ()  # filters of 3x3 convolutions over time and frequency, before the blocks
    stem_bins: int = 64  # leading channels that are a spectrum
    filters: tuple[int, ...] = (96, 128)  # one number per block
    kernel: int = 5
    pool: int = 2  # positions merged after each block
    lstm: tuple[int, ...] = (96,)  # units in each direction
    pooling: str = "attention"  # last | mean | mean_max | attention
    heads: int = 4  # of attention pooling
    dense: tuple[int, ...] = (128,)

    def __post_init__(self) -> None:
        option_checks.check_sizes(self, ("filters", "lstm"))
        option_checks.check_pooling(self.pooling, option_checks.AFTER_LSTM, 2 * self.lstm[-1], self.heads)


class Hybrid(nn.Module):
    """Convolution blocks, BiLSTMs, pooling, dense layers: `[B, T, C], [B, T] -> [B, K]`."""

    options: Options
    classes: int

    @nn.compact
    def __call__(
        self, x: Float[Array, "B T C"], mask: Bool[Array, "B T"], rates: layers.DropoutRates | None
    ) -> Float[Array, "B {self.classes}"]:
        x, mask = conv_stem.Stem(self.options.stem, self.options.stem_bins)(x, mask, rates)
        for filters in self.options.filters:
            x, mask = layers.ConvBlock(filters, self.options.kernel, self.options.pool)(x, mask, rates)
        for units in self.options.lstm:
            x = layers.BiLSTM(units)(x, mask)  # [B, T, 2 * units]
        x = layers.pooled(self.options.pooling, self.options.heads, x, mask)
        return layers.head(x, self.options.dense, self.classes, rates)
