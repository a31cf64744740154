"""An energy gate: level above the background, in bands of the spectrum, each with a background of its own.

The background of a band is a low percentile of its level around a moment, as in minimum statistics (Martin 2001). The
mean over bands of how far a frame stands above it is compared with a threshold.
"""

import itertools

import numpy as np
from jaxtyping import Bool, Float, Float32

from voxjax.inference.voice_activity.base import FRAME_S, SECTION_S, Detector

_EDGES_HZ = (150, 300, 500, 800, 1_200, 1_800, 2_600, 4_000)  # of the bands, where voices are strongest
_PERCENTILE = 10.0  # of a section's frames that are background
_ABOVE_DB = 2.5  # mean over bands of the level above the background from which on somebody speaks
_MOST_DB = 20.0  # that a band counts
_LOWEST_DB = -80.0  # below the noise of a quiet room
_BELOW_PEAK_DB = 45.0  # of the loudest band: quieter frames are breath and room
_SMOOTH_FRAMES = 5  # over which levels are averaged: 0.1 s


def detector(rate_hz: int) -> Detector:
    """A detector for a recording of this sample rate."""
    frame = round(FRAME_S * rate_hz)
    hz = np.fft.rfftfreq(frame, 1.0 / rate_hz)
    bands = [np.flatnonzero((hz >= low) & (hz < high)) for low, high in itertools.pairwise(_EDGES_HZ)]
    bands = [band for band in bands if len(band)]
    window = np.hanning(frame).astype(np.float32)
    earlier: list[np.ndarray] = []  # levels of the last section, or of as much sound in shorter ones
    memory = round(SECTION_S * rate_hz) // frame

    def detect(samples: Float32[np.ndarray, " time"]) -> Bool[np.ndarray, " frames"]:
        levels = _levels(samples, frame, window, bands)
        if not len(levels):
            return np.zeros(0, bool)
        around = np.concatenate([*earlier, levels])
        earlier[:] = [around[-memory:]]
        background = np.maximum(np.percentile(around, _PERCENTILE, axis=0), _LOWEST_DB)
        above = np.clip(levels - background, 0.0, _MOST_DB).mean(axis=1)
        loud = levels.max(axis=1) >= around.max() - _BELOW_PEAK_DB
        return (above >= _ABOVE_DB) & loud

    return detect


def _levels(
    samples: Float32[np.ndarray, " time"], frame: int, window: Float32[np.ndarray, " frame"], bands: list[np.ndarray]
) -> Float[np.ndarray, "frames bands"]:
    """The level of each band in dB, smoothed over time."""
    blocks = samples[: len(samples) // frame * frame].reshape(-1, frame)
    power = np.square(np.abs(np.fft.rfft(blocks * window)), dtype=np.float32) / frame
    banded = np.stack([power[:, band].mean(axis=1) for band in bands], axis=1)
    kernel = np.ones(_SMOOTH_FRAMES) / _SMOOTH_FRAMES
    smooth = [np.convolve(one, kernel, "same")[: len(one)] for one in banded.T] if len(banded) else [*banded.T]
    return 10.0 * np.log10(np.maximum(np.stack(smooth, axis=1), 1e-12))
