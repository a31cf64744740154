"""Encoder statistics: a clip as the mean and deviation over time of an encoder's channels, and a small network on them.

What is left out, the order of sounds, tells less of an emotion than it tempts a network to learn by heart: with most
of the statistics dropped at each step (Srivastava et al. 2014), near to a linear answer, unheard voices are told
better than by `encoder_head`. A linear answer on such statistics is how speech encoders are probed (Yang et al. 2021).
"""

import dataclasses

import flax.linen as nn
import jax
import jax.numpy as jnp

from voxjax.models import checks, layers

Array = jax.Array


@dataclasses.dataclass(frozen=True)
class Options:
    """Shape of the network. Its input holds the outputs of encoder blocks side by side."""

    dense: int = 256  # units beside the linear answer

    def __post_init__(self) -> None:
        checks.sizes(self, ())


class EncoderStatistics(nn.Module):
    """Scores of the classes from an encoder's outputs: `[B, T, C]` with bool `[B, T]` to logits `[B, K]`.

    `rates.block` is the share of the statistics that is dropped, `rates.head` that of the dense layer's units.
    """

    options: Options
    classes: int

    @nn.compact
    def __call__(self, x: Array, mask: Array, rates: layers.Rates | None) -> Array:
        x = mean_and_deviation(x, mask)  # [B, 2C]
        x = layers.BatchNorm()(x, jnp.any(mask, axis=1), rates)  # deviations vary less than means do
        x = layers.Dropout()(x, None if rates is None else rates.block)
        linear = nn.Dense(self.classes, use_bias=False, kernel_init=nn.initializers.zeros, name="linear")(x)
        return linear + layers.head(x, (self.options.dense,), self.classes, rates)  # [B, K]


def mean_and_deviation(x: Array, mask: Array) -> Array:
    """Mean and standard deviation over valid positions, side by side: `[B, T, C] -> [B, 2C]`."""
    mean = layers.masked_mean(x, mask)
    variance = layers.masked_mean(jnp.square(x - mean[:, None, :]), mask)
    return jnp.concatenate([mean, jnp.sqrt(jnp.maximum(variance, 1e-6))], axis=-1)
