"""Duration, level, silence, clipping and fingerprint of one clip."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from voxjax.audio import fingerprint
from voxjax.audio.sample_hash import sample_hash

RATE_HZ = 16_000  # levels and silence don't need more
FLOOR_DB = -100.0  # reported for digital silence
_FRAME_SAMPLES = 400  # 25 ms
_SILENT_BELOW_PEAK_DB = 40.0
_FULL_SCALE = 0.999


class ClipMeasurements(NamedTuple):
    """What is measured on one clip."""

    duration_s: float
    level_db: float  # mean power of the clip, relative to full scale
    peak: float
    silence_fraction: float  # of frames more than 40 dB below the loudest
    clipped_fraction: float  # of samples at full scale
    samples_sha256: str  # of the samples in steps of 16 bits
    fingerprint: fingerprint.Print


def measure(samples: Float[np.ndarray, " time"]) -> ClipMeasurements:
    """The measurements of a clip at 16 kHz, float32 `[time]`."""
    frames = np.pad(samples, (0, -len(samples) % _FRAME_SAMPLES)).reshape(-1, _FRAME_SAMPLES)
    power = np.mean(np.square(frames, dtype=np.float64), axis=1)
    silent = power < power.max() * 10 ** (-_SILENT_BELOW_PEAK_DB / 10)
    mean = np.mean(np.square(samples, dtype=np.float64))
    magnitude = np.abs(samples)
    return ClipMeasurements(
        duration_s=len(samples) / RATE_HZ,
        level_db=max(FLOOR_DB, float(10 * np.log10(max(mean, 1e-12)))),
        peak=float(magnitude.max()),
        silence_fraction=float(silent.mean()),
        clipped_fraction=float(np.mean(magnitude >= _FULL_SCALE)),
        samples_sha256=sample_hash(samples),
        fingerprint=fingerprint.of(samples),
    )
