"""Enhanced: the guide's plain deep CNN, four convolution blocks and three dense layers."""

import dataclasses

import flax.linen as nn
import jax

from voxjax.models import layers

Array = jax.Array


@dataclasses.dataclass(frozen=True)
class Options:
    """Shape of the network, as the guide draws it."""

    filters: tuple[int, ...] = (128, 256, 512, 256)  # one number a block
    kernel: int = 3
    pool: int = 2  # positions merged after each block
    pooling: str = "mean_max"  # mean | mean_max | attention: what the dense layers see of time
    heads: int = 4  # of attention pooling
    dense: tuple[int, ...] = (512, 256, 128)

    def __post_init__(self) -> None:
        layers.check_pooling(self.pooling, self.filters[-1], self.heads)


class Enhanced(nn.Module):
    """Convolution blocks, global pooling, dense layers: `[B, T, C], [B, T] -> [B, K]`."""

    options: Options
    classes: int

    @nn.compact
    def __call__(self, x: Array, mask: Array, rates: layers.Rates | None) -> Array:
        for filters in self.options.filters:
            x, mask = layers.ConvBlock(filters, self.options.kernel, self.options.pool)(x, mask, rates)
        x = layers.pooled(self.options.pooling, self.options.heads, x, mask)
        return layers.Head(self.options.dense, self.classes)(x, rates)
