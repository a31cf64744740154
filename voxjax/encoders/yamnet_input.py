"""YAMNet's front end: patches of 96 log-mel frames, 0.48 s from one to the next."""

import numpy as np
from jaxtyping import Array, Bool, Float, Int

from voxjax.encoders import mel_patches

HOP_MS = 480.0
_HOP_FRAMES = 48  # patches overlap by half
_OFFSET = 0.001


def patches(
    samples: Float[Array | np.ndarray, "B time"], lengths: Int[Array | np.ndarray, " B"]
) -> tuple[Float[Array, "B P 96 64"], Bool[Array, "B P"]]:
    """The input of YAMNet's first layer; arguments and results as in `mel_patches.cut`."""
    return mel_patches.cut(samples, lengths, _HOP_FRAMES, _OFFSET)
