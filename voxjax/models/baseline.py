"""Baseline: the guide's small first network."""

import dataclasses

import flax.linen as nn
from jaxtyping import Array, Bool, Float

from voxjax.models import layers, option_checks


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
    def __call__(
        self, x: Float[Array, "B T C"], mask: Bool[Array, "B T"], rates: layers.DropoutRates | None
    ) -> Float[Array, "B {self.classes}"]:
        for filters in self.options.filters:
            x, mask = layers.ConvBlock(filters, self.options.kernel, self.options.pool)(x, mask, rates)
        return layers.head(layers.masked_mean(x, mask), self.options.dense, self.classes, rates)
