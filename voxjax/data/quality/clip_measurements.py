"""Figures and fingerprint of one clip."""

import hashlib
from typing import NamedTuple

import numpy as np

from voxjax.audio import fingerprint

RATE_HZ = 16_000  # levels and silence don't need more
FLOOR_DB = -100.0  # what digital silence is said to have
_FRAME_SAMPLES = 400  # 25 ms
_SILENT_BELOW_PEAK_DB = 40.0
_FULL_SCALE = 0.999


class Sound(NamedTuple):
    """Figures of one clip."""

    duration_s: float
    level_db: float  # of the whole clip, relative to full scale
    peak: float
    silence_share: float  # of frames more than 40 dB below the loudest
    clipped_share: float  # of samples at full scale
    digest: str  # SHA-256 of the samples as 16-bit numbers
    fingerprint: fingerprint.Print


def measure(samples: np.ndarray) -> Sound:
    """The figures of a clip at 16 kHz, float32 `[time]`."""
    frames = np.pad(samples, (0, -len(samples) % _FRAME_SAMPLES)).reshape(-1, _FRAME_SAMPLES)
    power = np.mean(np.square(frames, dtype=np.float64), axis=1)
    silent = power < power.max() * 10 ** (-_SILENT_BELOW_PEAK_DB / 10)
    mean = np.mean(np.square(samples, dtype=np.float64))
    loudness = np.abs(samples)
    whole = np.round(np.clip(samples, -1.0, 1.0) * 32_767.0).astype(np.int16)
    return Sound(
        duration_s=len(samples) / RATE_HZ,
        level_db=max(FLOOR_DB, float(10 * np.log10(max(mean, 1e-12)))),
        peak=float(loudness.max()),
        silence_share=float(silent.mean()),
        clipped_share=float(np.mean(loudness >= _FULL_SCALE)),
        digest=hashlib.sha256(whole.tobytes()).hexdigest(),
        fingerprint=fingerprint.of(samples),
    )
