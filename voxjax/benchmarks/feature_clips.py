"""The clips whose features are timed, and the settings of both kinds of features; NumPy alone."""

import numpy as np
from jaxtyping import Float32

RATE_HZ = 16_000
SECONDS = 3.0
COUNT = 256
WINDOWS = {"vector": (2_048, 512), "logmel": (512, 256)}  # window and hop in samples
MELS = 64  # of the log-mels


def clips() -> list[Float32[np.ndarray, " time"]]:
    """All clips."""
    return [clip(seed) for seed in range(COUNT)]


def clip(seed: int) -> Float32[np.ndarray, " time"]:
    """A voice of a moving pitch in faint noise: a sum of harmonics."""
    random, time_s = np.random.default_rng(seed), np.arange(round(SECONDS * RATE_HZ)) / RATE_HZ
    pitch_hz = random.uniform(90, 300) * (1 + 0.2 * np.sin(random.uniform(3, 8) * time_s))
    phase = 2 * np.pi * np.cumsum(pitch_hz) / RATE_HZ
    voice = sum(np.sin(k * phase) / k for k in range(1, 9)) * (0.1 + np.abs(np.sin(random.uniform(4, 9) * time_s)))
    return (0.1 * voice + 0.003 * random.normal(size=time_s.size)).astype(np.float32)
