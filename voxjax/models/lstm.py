"""LSTM: the ensemble's recurrent members."""

import dataclasses

import flax.linen as nn
from jaxtyping import Array, Bool, Float

from voxjax.models import conv_stem, layers, option_checks


@dataclasses.dataclass(frozen=True)
class Options:
    """Shape of the network."""

    stem: tuple[int, ...] = ()  # filters of 3x3 convolutions over time and frequency, before the fold
    stem_bins: int = 64  # leading channels that are a spectrum
    fold: int = 4  # neighbouring positions concatenated, for fewer recurrent steps; 8 suits `vector`
    project: int = 160  # width of the dense layer before the recurrence
    lstm: tuple[int, ...] = (128, 64)  # units in each direction
    pooling: str = "attention"  # last | mean | mean_max | attention
    heads: int = 4  # of attention pooling
    dense: tuple[int, ...] = (128,)

    def __post_init__(self) -> None:
        option_checks.check_sizes(self, ("lstm",))
        option_checks.check_pooling(self.pooling, option_checks.AFTER_LSTM, 2 * self.lstm[-1], self.heads)


class LSTM(nn.Module):
    """Folded positions, a projection, BiLSTMs, pooling, dense layers: `[B, T, C], [B, T] -> [B, K]`."""

    options: Options
    classes: int

    @nn.compact
    def __call__(
        self, x: Float[Array, "B T C"], mask: Bool[Array, "B T"], rates: layers.DropoutRates | None
    ) -> Float[Array, "B {self.classes}"]:
        x, mask = conv_stem.Stem(self.options.stem, self.options.stem_bins)(x, mask, rates)
        x, mask = layers.fold(x, mask, self.options.fold)
        x = nn.Dense(self.options.project, use_bias=False)(x)  # [B, T / fold, project]
        x = nn.relu(layers.BatchNorm()(x, mask, rates))
        for units in self.options.lstm:
            x = layers.Dropout()(x, None if rates is None else rates.block)
            x = layers.BiLSTM(units)(x, mask)  # [B, T / fold, 2 * units]
        x = layers.pooled(self.options.pooling, self.options.heads, x, mask)
        return layers.head(x, self.options.dense, self.classes, rates)
