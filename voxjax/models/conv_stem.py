"""The stem: convolutions over time and frequency, before the layers over time alone."""

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from voxjax.models import layers


class Stem(nn.Module):
    """3x3 convolutions over time and frequency: `[B, T, C] -> [B, ceil(T / 2), bins / 2^n * filters + rest]`.

    Unlike convolutions over time alone they respond to the same pattern at any pitch. Each halves the frequency axis;
    the first also halves the time axis. Channels beyond `bins` (energy, pitch) have no frequency axis: every second
    frame of them is concatenated to the output. Without filters the input is returned unchanged.
    """

    filters: tuple[int, ...]
    bins: int

    @nn.compact
    def __call__(
        self, x: Float[Array, "B T C"], mask: Bool[Array, "B T"], rates: layers.DropoutRates | None
    ) -> tuple[Float[Array, "B halved channels"], Bool[Array, "B halved"]]:
        if not self.filters:
            return x, mask
        rest = jnp.where(mask[..., None], x[..., self.bins :], 0.0)[:, ::2]
        x = x[..., : self.bins, None]  # [B, T, F, 1]
        for i, filters in enumerate(self.filters):
            x = jnp.where(mask[:, :, None, None], x, 0.0)
            stride = 2 if i == 0 else 1
            # With "SAME" the position of the windows would depend on the parity of T, and so on the padding.
            x = nn.Conv(filters, (3, 3), (stride, 2), padding=((1, 1), (1, 1)), use_bias=False)(x)
            mask = mask[:, ::stride]
            x = nn.relu(layers.BatchNorm()(x, mask, rates))  # [B, T / 2, F / 2, filters]
        return jnp.concatenate([x.reshape(*x.shape[:2], -1), rest], axis=-1), mask
