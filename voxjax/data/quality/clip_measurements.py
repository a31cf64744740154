"""Duration, level, silence, clipping and fingerprint of one clip."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from voxjax.audio import fingerprint
from voxjax.audio.sample_hash import sample_hash

RATE_HZ = 16_000  # levels and silence don't need more
FLOOR_DB = -100.0  # reported for digital silence
_FRAME_SAMPLES = 400  # 25 ms
_AT_ONCE = 4_096 * _FRAME_SAMPLES  # samples of a clip that may last hours
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


def _powers(samples: Float[np.ndarray, " time"]) -> Float[np.ndarray, " frames"]:
    """Mean power of frames that do not overlap, the last one padded with zeros."""
    frames = np.pad(samples, (0, -len(samples) % _FRAME_SAMPLES)).reshape(-1, _FRAME_SAMPLES)
    return np.mean(np.square(frames, dtype=np.float64), axis=1)


def measure(samples: Float[np.ndarray, " time"]) -> ClipMeasurements:
    """The measurements of a clip at 16 kHz, float32 `[time]`."""
    power = np.concatenate([_powers(samples[i : i + _AT_ONCE]) for i in range(0, len(samples), _AT_ONCE)])
    silent = power < power.max() * 10 ** (-_SILENT_BELOW_PEAK_DB / 10)
    mean = float(power.sum()) * _FRAME_SAMPLES / len(samples)
    clipped = (samples >= _FULL_SCALE) | (samples <= -_FULL_SCALE)
    return ClipMeasurements(
        duration_s=len(samples) / RATE_HZ,
        level_db=max(FLOOR_DB, float(10 * np.log10(max(mean, 1e-12)))),
        peak=max(-float(samples.min()), float(samples.max())),
        silence_fraction=float(silent.mean()),
        clipped_fraction=float(np.mean(clipped)),
        samples_sha256=sample_hash(samples),
        fingerprint=fingerprint.of(samples),
    )
