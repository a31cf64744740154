"""A hash of samples, equal for one recording in all lossless formats."""

import hashlib
import math

import numpy as np
from jaxtyping import Float

_AT_ONCE = 2**20  # samples of a clip that may last hours
_STEPS = 32_767  # of 16 bits, to full scale
_QUIET_EXPONENT = -7  # clips that peak below 2^-8 (-48 dB) are doubled before rounding, until they peak above


def sample_hash(samples: Float[np.ndarray, " time"]) -> str:
    """SHA-256 of samples in steps of 16 bits, in hexadecimal.

    Steps are finer for very quiet clips, as of most of those rounding would leave nothing; peaks above full scale count
    as they are.

    Args:
        samples: float32 `[time]`, full scale 1.
    """
    peak = max(-float(samples.min(initial=0.0)), float(samples.max(initial=0.0)))
    doublings = max(0, _QUIET_EXPONENT - math.frexp(peak)[1]) if peak > 0 else 0
    scale, kind = np.float32(_STEPS * 2.0**doublings), "<i2" if peak <= 1.0 else "<i4"
    digest = hashlib.sha256()
    for start in range(0, len(samples), _AT_ONCE):
        digest.update(np.round(samples[start : start + _AT_ONCE] * scale).astype(kind).tobytes())
    return digest.hexdigest()
