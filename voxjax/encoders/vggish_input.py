"""VGGish's front end: patches of 96 log-mel frames, one after another, every 0.96 s."""

import numpy as np
from jaxtyping import Array, Bool, Float, Int

from voxjax.encoders import mel_patches

HOP_MS = 960.0
_HOP_FRAMES = 96  # patches don't overlap
_OFFSET = 0.01


def patches(
    samples: Float[Array | np.ndarray, "B time"], lengths: Int[Array | np.ndarray, " B"]
) -> tuple[Float[Array, "B P 96 64"], Bool[Array, "B P"]]:
    """The input of VGGish's first layer; arguments and results as in `mel_patches.cut`.

    The published code drops the samples after the last complete patch, and so every clip shorter than 0.975 s.
    """
    return mel_patches.cut(samples, lengths, _HOP_FRAMES, _OFFSET)
