"""Encoder statistics: a clip as the mean and deviation over time of an encoder's channels, and a small network on them.

What is left out, the order of sounds, tells less of an emotion than it tempts a network to learn by heart: with most
of the statistics dropped at each step (Srivastava et al. 2014), near to a linear answer, unheard voices are told
better than by `encoder_head`. A linear answer on such statistics is how speech encoders are probed (Yang et al. 2021).
"""

import dataclasses

import flax.linen as nn
import jax
import jax.numpy as jnp

from voxjax.audio.pooling import mean_and_deviation
from voxjax.config import in_range
from voxjax.models import layers, option_checks

Array = jax.Array


@dataclasses.dataclass(frozen=True)
class Options:
    """Shape of the network. Its input holds encoder blocks side by side, or their statistics (`features.pooling`)."""

    dense: int = 256  # units beside the linear answer
    bandwidth: float = 0.0  # positions with a mean square difference below it share their weight; 0: each has its own

    def __post_init__(self) -> None:
        option_checks.sizes(self, ())
        in_range("config.model.bandwidth", self.bandwidth, 0.0, 100.0)


class EncoderStatistics(nn.Module):
    """Scores of the classes from an encoder's outputs: `[B, T, C]` with bool `[B, T]` to logits `[B, K]`.

    `rates.block` is the share of the statistics that is dropped, `rates.head` that of the dense layer's units.
    """

    options: Options
    classes: int

    @nn.compact
    def __call__(self, x: Array, mask: Array, rates: layers.DropoutRates | None) -> Array:
        x = statistics(x, mask, self.options.bandwidth)  # [B, 2C]
        x = layers.BatchNorm()(x, jnp.any(mask, axis=1), rates)  # deviations vary less than means do
        x = layers.Dropout()(x, None if rates is None else rates.block)
        linear = nn.Dense(self.classes, use_bias=False, kernel_init=nn.initializers.zeros, name="linear")(x)
        return linear + layers.head(x, (self.options.dense,), self.classes, rates)  # [B, K]


def statistics(x: Array, mask: Array, bandwidth: float = 0.0) -> Array:
    """Means and deviations over positions: `[B, T, C]` with bool `[B, T]` to `[B, 2C]`.

    Where a clip is one position its statistics were taken before (`features.pooling`): `[B, 1, C]` to `[B, C]`.
    """
    if x.shape[1] == 1:
        return jnp.where(mask, x[:, 0], 0.0)
    return mean_and_deviation(x, rarity(x, mask, bandwidth) if bandwidth else jnp.asarray(mask, x.dtype))


def rarity(x: Array, mask: Array, bandwidth: float) -> Array:
    """Weight of each position, one over how many of its clip lie near it: `[B, T, C] -> [B, T]`, 0 beyond the clip.

    A silence or a long vowel then counts as about one sound, however many positions it fills. Near is told by a
    Gaussian kernel (Parzen 1962) on the mean square difference over channels.
    """
    squares = jnp.mean(jnp.square(x), axis=-1)  # [B, T]
    products = jnp.einsum("bsc,btc->bst", x, x) / x.shape[-1]
    distance = jnp.maximum(squares[:, :, None] + squares[:, None, :] - 2.0 * products, 0.0)
    near = jnp.where(mask[:, None, :], jnp.exp(-distance / bandwidth), 0.0)  # [B, T, T]
    return jnp.where(mask, 1.0 / jnp.maximum(jnp.sum(near, axis=-1), 1.0), 0.0)  # a position is near itself
