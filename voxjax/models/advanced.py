"""Advanced: residual stages with squeeze-and-excitation, a BiLSTM and attention: the guide's network that collapsed."""

import dataclasses

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from voxjax.models import conv_stem, layers, option_checks


@dataclasses.dataclass(frozen=True)
class Options:
    """Shape of the network. It collapsed because of its training, see configs/advanced_naive.py."""

    stem: tuple[int, ...] = ()  # filters of 3x3 convolutions over time and frequency, before the stages
    stem_bins: int = 64  # leading channels that are a spectrum
    filters: tuple[int, ...] = (96, 128, 192)  # one number per stage
    kernel: int = 3
    pool: int = 2  # positions merged after each stage
    reduction: int = 8  # of squeeze-and-excitation
    lstm: tuple[int, ...] = (96,)  # units in each direction
    pooling: str = "attention"  # last | mean | mean_max | attention
    heads: int = 4  # of attention pooling
    dense: tuple[int, ...] = (256, 128)

    def __post_init__(self) -> None:
        option_checks.check_sizes(self, ("filters", "lstm"))
        option_checks.check_pooling(self.pooling, option_checks.AFTER_LSTM, 2 * self.lstm[-1], self.heads)


class Stage(nn.Module):
    """Two convolutions with a residual connection (He et al. 2016), squeeze-and-excitation, pooling, dropout."""

    filters: int
    options: Options

    @nn.compact
    def __call__(
        self, x: Float[Array, "B T C"], mask: Bool[Array, "B T"], rates: layers.DropoutRates | None
    ) -> tuple[Float[Array, "B pooled {self.filters}"], Bool[Array, "B pooled"]]:
        shortcut = nn.Dense(self.filters)(x)  # [B, T, filters]
        for _ in range(2):
            x = nn.Conv(self.filters, (self.options.kernel,), use_bias=False)(jnp.where(mask[..., None], x, 0.0))
            x = nn.relu(layers.BatchNorm()(x, mask, rates))
        x = layers.SqueezeExcite(self.options.reduction)(x, mask) + shortcut
        x, mask = layers.max_pool(x, mask, self.options.pool)  # [B, T / pool, filters]
        return layers.Dropout()(x, None if rates is None else rates.block), mask


class Advanced(nn.Module):
    """Residual stages, BiLSTMs, pooling, dense layers: `[B, T, C], [B, T] -> [B, K]`."""

    options: Options
    classes: int

    @nn.compact
    def __call__(
        self, x: Float[Array, "B T C"], mask: Bool[Array, "B T"], rates: layers.DropoutRates | None
    ) -> Float[Array, "B {self.classes}"]:
        x, mask = conv_stem.Stem(self.options.stem, self.options.stem_bins)(x, mask, rates)
        for filters in self.options.filters:
            x, mask = Stage(filters, self.options)(x, mask, rates)
        for units in self.options.lstm:
            x = layers.BiLSTM(units)(x, mask)  # [B, T, 2 * units]
        x = layers.pooled(self.options.pooling, self.options.heads, x, mask)
        return layers.head(x, self.options.dense, self.classes, rates)
