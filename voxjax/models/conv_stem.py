"""Convolutions over time and frequency, before those over time alone."""

import flax.linen as nn
import jax
import jax.numpy as jnp

from voxjax.models import layers

Array = jax.Array


class Stem(nn.Module):
    """3x3 convolutions over time and frequency: `[B, T, C] -> [B, ceil(T / 2), bins / 2^n * filters + rest]`.

    Unlike a convolution over time alone they know a pattern again when the voice is higher. Each
    halves frequency; the first also halves time. Channels beyond `bins` (energy, pitch) have no
    frequency axis: of them every second frame joins what comes out. Without filters everything passes.
    """

    filters: tuple[int, ...]
    bins: int

    @nn.compact
    def __call__(self, x: Array, mask: Array, rates: layers.DropoutRates | None) -> tuple[Array, Array]:
        if not self.filters:
            return x, mask
        rest = jnp.where(mask[..., None], x[..., self.bins :], 0.0)[:, ::2]
        x = x[..., : self.bins, None]  # [B, T, F, 1]
        for i, filters in enumerate(self.filters):
            x = jnp.where(mask[:, :, None, None], x, 0.0)
            stride = 2 if i == 0 else 1
            # "SAME" would place the windows by the parity of T, that is by the padding.
            x = nn.Conv(filters, (3, 3), (stride, 2), padding=((1, 1), (1, 1)), use_bias=False)(x)
            mask = mask[:, ::stride]
            x = nn.relu(layers.BatchNorm()(x, mask, rates))  # [B, T / 2, F / 2, filters]
        return jnp.concatenate([x.reshape(*x.shape[:2], -1), rest], axis=-1), mask
