"""Optimized: multi-scale convolutions with squeeze-and-excitation, then BiLSTMs, then dense layers."""

import dataclasses

import flax.linen as nn
from jaxtyping import Array, Bool, Float

from voxjax.models import conv_stem, layers, option_checks


@dataclasses.dataclass(frozen=True)
class Options:
    """Shape of the network. With `stem=()` and `pooling="last"` it is the guide's network."""

    stem: tuple[int, ...] = ()  # filters of 3x3 convolutions over time and frequency, before the blocks
    stem_bins: int = 64  # leading channels that are a spectrum; the rest bypass the stem
    filters: tuple[int, ...] = (32, 64, 64)  # of each branch, one number per block
    kernels: tuple[int, ...] = (3, 5, 7)  # parallel branches, in positions
    pool: int = 2  # positions merged after each block
    reduction: int = 8  # of squeeze-and-excitation
    lstm: tuple[int, ...] = (128, 64)  # units in each direction
    dense: tuple[int, ...] = (256, 128)
    pooling: str = "last"  # over the BiLSTM's outputs: last | mean | mean_max | attention
    heads: int = 4  # of attention pooling

    def __post_init__(self) -> None:
        option_checks.check_sizes(self, ("filters", "kernels"))
        channels = 2 * self.lstm[-1] if self.lstm else len(self.kernels) * self.filters[-1]
        option_checks.check_pooling(self.pooling, option_checks.AFTER_LSTM, channels, self.heads)


class Optimized(nn.Module):
    """Multi-scale convolutions, BiLSTMs, pooling, dense layers: `[B, T, C], [B, T] -> [B, K]`.

    `rates` are the dropout rates in training and None in evaluation, where batch norm uses its
    running statistics.
    """

    options: Options
    classes: int

    @nn.compact
    def __call__(
        self, x: Float[Array, "B T C"], mask: Bool[Array, "B T"], rates: layers.DropoutRates | None
    ) -> Float[Array, "B {self.classes}"]:
        x, mask = conv_stem.Stem(self.options.stem, self.options.stem_bins)(x, mask, rates)
        o = self.options
        for i, filters in enumerate(o.filters):
            block = layers.MultiScaleBlock(filters, o.kernels, o.reduction, o.pool, name=f"Block_{i}")
            x, mask = block(x, mask, rates)
        for units in self.options.lstm:
            x = layers.BiLSTM(units)(x, mask)  # [B, T, 2 * units]
        x = layers.pooled(self.options.pooling, self.options.heads, x, mask)
        return layers.head(x, self.options.dense, self.classes, rates)  # [B, K]
