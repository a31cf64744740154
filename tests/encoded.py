"""Sound files as bytes, for tests that change them."""

import io

import numpy as np
import soundfile

from voxjax.audio import io as audio

RATE_HZ = 16_000


def voice(duration_s=1.0, rate_hz=RATE_HZ, seed=0):
    """A gliding hum with noise, its loudness changing: float64 `[time]`."""
    rng = np.random.default_rng(seed)
    time_s = np.arange(round(duration_s * rate_hz)) / rate_hz
    hum = np.sin(2 * np.pi * rng.uniform(150, 400) * time_s * (1 + 0.1 * time_s))
    return hum * (0.2 + 0.1 * np.sin(2 * np.pi * 3 * time_s)) + 0.01 * rng.normal(size=len(time_s))


def encode(samples, rate_hz=RATE_HZ, **how):
    """A sound file: `how` as for `soundfile.write`."""
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, rate_hz, **how)
    return buffer.getvalue()


def decode(data, rate_hz=RATE_HZ, **limits):
    """What VoxJAX reads from a sound file."""
    return audio.read(io.BytesIO(data), rate_hz, audio.AudioLimits(**limits))


def without_mean(samples):
    """What VoxJAX reads of samples at their own rate."""
    return (samples - np.mean(samples, dtype=np.float64)).astype(np.float32)
