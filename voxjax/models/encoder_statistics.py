"""Encoder statistics: a small network on the mean and deviation over time of an encoder's channels.

Statistics ignore the order of positions, which says little about emotion and causes overfitting. With most of the
statistics dropped at each step (Srivastava et al. 2014), this nearly linear classifier generalises to unseen speakers
better than `encoder_head`. Linear classifiers on such statistics are common probes of speech encoders (Yang et al.
2021).
"""

import dataclasses

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from voxjax.audio.pooling import mean_and_deviation
from voxjax.config import in_range
from voxjax.models import layers, option_checks


@dataclasses.dataclass(frozen=True)
class Options:
    """Shape of the network. Its input holds concatenated encoder blocks, or their statistics (`features.pooling`)."""

    dense: int = 256  # units of the hidden layer, in parallel to the linear one
    bandwidth: float = 0.0  # of the kernel that lowers the weight of similar positions; 0 weights all equally

    def __post_init__(self) -> None:
        option_checks.check_sizes(self, ())
        in_range("config.model.bandwidth", self.bandwidth, 0.0, 100.0)


class EncoderStatistics(nn.Module):
    """Logits from an encoder's outputs: `[B, T, C], [B, T] -> [B, K]`.

    `rates.block` is the dropout rate of the statistics, `rates.head` that of the dense layer's units.
    """

    options: Options
    classes: int

    @nn.compact
    def __call__(
        self, x: Float[Array, "B T C"], mask: Bool[Array, "B T"], rates: layers.DropoutRates | None
    ) -> Float[Array, "B {self.classes}"]:
        x = statistics(x, mask, self.options.bandwidth)  # [B, 2C]
        x = layers.BatchNorm()(x, jnp.any(mask, axis=1), rates)  # deviations vary less than means
        x = layers.Dropout()(x, None if rates is None else rates.block)
        linear = nn.Dense(self.classes, use_bias=False, kernel_init=nn.initializers.zeros, name="linear")(x)
        return linear + layers.head(x, (self.options.dense,), self.classes, rates)  # [B, K]


def statistics(x: Float[Array, "B T C"], mask: Bool[Array, "B T"], bandwidth: float = 0.0) -> Float[Array, "B S"]:
    """Means and standard deviations over positions: `[B, T, C], [B, T] -> [B, 2C]`.

    Clips of a single position hold statistics already (`features.pooling`): `[B, 1, C], [B, 1] -> [B, C]`.
    """
    if x.shape[1] == 1:
        return jnp.where(mask, x[:, 0], 0.0)
    return mean_and_deviation(x, rarity(x, mask, bandwidth) if bandwidth else jnp.asarray(mask, x.dtype))


def rarity(x: Float[Array, "B T C"], mask: Bool[Array, "B T"], bandwidth: float) -> Float[Array, "B T"]:
    """Weight of each position, the inverse of its clip's density around it: `[B, T, C] -> [B, T]`, 0 at padding.

    A silence or a long vowel then counts as about one position, whatever its length. The density is estimated with a
    Gaussian kernel (Parzen 1962) on the mean squared difference over channels.
    """
    squares = jnp.mean(jnp.square(x), axis=-1)  # [B, T]
    products = jnp.einsum("bsc,btc->bst", x, x) / x.shape[-1]
    distance = jnp.maximum(squares[:, :, None] + squares[:, None, :] - 2.0 * products, 0.0)
    near = jnp.where(mask[:, None, :], jnp.exp(-distance / bandwidth), 0.0)  # [B, T, T]
    return jnp.where(
        mask, 1.0 / jnp.maximum(jnp.sum(near, axis=-1), 1.0), 0.0
    )  # the density includes the position itself
