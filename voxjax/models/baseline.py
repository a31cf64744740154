"""Baseline: the guide's small first network."""

import dataclasses

import flax.linen as nn
import jax

from voxjax.models import layers, option_checks

Array = jax.Array


@dataclasses.dataclass(frozen=True)
class Options:
    """Shape of the network."""

    filters: tuple[int, ...] = (64, 128)  # one number per block
    kernel: int = 5
    pool: int = 4  # positions merged after each block
    dense: tuple[int, ...] = (64,)

    def __post_init__(self) -> None:
        option_checks.check_sizes(self, ("filters",))


class Baseline(nn.Module):
    """Two convolution blocks, the mean over time, one dense layer: `[B, T, C], [B, T] -> [B, K]`."""

    options: Options
    classes: int

    @nn.compact
    def __call__(self, x: Array, mask: Array, rates: layers.DropoutRates | None) -> Array:
        for filters in self.options.filters:
            x, mask = layers.ConvBlock(filters, self.options.kernel, self.options.pool)(x, mask, rates)
        return layers.head(layers.masked_mean(x, mask), self.options.dense, self.classes, rates)
