"""librosa's features of the same clips, called clip by clip in two processes."""

import concurrent.futures
from collections.abc import Callable

import librosa
import numpy as np
from jaxtyping import Float

from voxjax.benchmarks import feature_clips

PACKAGES = ("librosa", "numpy", "scipy")
_PROCESSES = 2
_CHUNK = 16  # clips that a process is given at once


def vector(samples: Float[np.ndarray, " time"]) -> Float[np.ndarray, "392"]:
    """The training guide's 392 numbers."""
    rate_hz = feature_clips.RATE_HZ
    mfcc = librosa.feature.mfcc(y=samples, sr=rate_hz, n_mfcc=40)
    parts = [mfcc, librosa.feature.delta(mfcc), librosa.feature.delta(mfcc, order=2)]
    parts.append(librosa.feature.chroma_stft(y=samples, sr=rate_hz))
    mel = librosa.feature.melspectrogram(y=samples, sr=rate_hz)
    return np.concatenate([f(part, axis=1) for part in parts for f in (np.mean, np.std)] + [mel.mean(axis=1)])


def logmel(samples: Float[np.ndarray, " time"]) -> Float[np.ndarray, "frames mels"]:
    """A log-mel spectrogram in dB."""
    window, hop = feature_clips.WINDOWS["logmel"]
    power = librosa.feature.melspectrogram(
        y=samples, sr=feature_clips.RATE_HZ, n_fft=window, hop_length=hop, n_mels=feature_clips.MELS, fmax=8_000.0
    )
    return librosa.power_to_db(power, top_db=None).T


FEATURES: dict[str, Callable[..., Float[np.ndarray, "..."]]] = {"vector": vector, "logmel": logmel}


def start(kind: str) -> Callable[[], None]:
    """Clips and processes; the result computes the clips' features."""
    clips = feature_clips.clips()
    processes = concurrent.futures.ProcessPoolExecutor(_PROCESSES)

    def call() -> None:
        np.stack(list(processes.map(FEATURES[kind], clips, chunksize=_CHUNK)))

    return call
