"""Corruptions of recordings for robustness tests: noise, rooms, levels, telephones, coding, speed.

Each corruption acts on decoded samples `[time]`, float32 at full scale 1, and draws from a generator that its caller
seeds, so that a clip is corrupted in the same way in every run.
"""

import functools
import io
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import soundfile
import soxr
from jaxtyping import Float, Float32
from scipy import signal

Random = np.random.Generator


class Context(NamedTuple):
    """What a corruption may use in addition to the clip."""

    sample_rate_hz: int
    babble_clips: Sequence[np.ndarray]  # other recordings, float32 `[time]` each
    random: Random


class Corruption(NamedTuple):
    """One type of corruption at one strength."""

    kind: str
    strength: str  # in words, with its unit
    apply: Callable[[np.ndarray, Context], np.ndarray]


def _white(samples: np.ndarray, context: Context, snr_db: float) -> np.ndarray:
    return _added(samples, context.random.normal(size=len(samples)), snr_db)


def _babble(samples: np.ndarray, context: Context, snr_db: float) -> np.ndarray:
    """Babble noise: the sum of several other clips at equal level."""
    noise = np.zeros(len(samples))
    for i in context.random.choice(len(context.babble_clips), min(_VOICES, len(context.babble_clips)), replace=False):
        voice = np.resize(context.babble_clips[i], len(samples)).astype(np.float64)
        noise += np.roll(voice, int(context.random.integers(len(samples)))) / max(_rms(voice), 1e-9)
    return _added(samples, noise, snr_db)


def _room(samples: np.ndarray, context: Context, rt60_s: float) -> np.ndarray:
    """Noise that decays by 60 dB in `rt60_s` after the direct sound (Polack 1988), at the clip's own level."""
    time_s = np.arange(round(rt60_s * context.sample_rate_hz)) / context.sample_rate_hz
    tail = context.random.normal(size=len(time_s)) * 10.0 ** (-3.0 * time_s / rt60_s)
    tail[0] = 0.0
    tail *= np.sqrt(10.0 ** (-_DIRECT_DB / 10.0) / np.sum(np.square(tail)))
    tail[0] = 1.0
    wet = signal.fftconvolve(samples, tail)[: len(samples)]
    return wet * _rms(samples) / max(_rms(wet), 1e-9)


def _gain(samples: np.ndarray, context: Context, change_db: float) -> np.ndarray:
    del context
    return samples * 10.0 ** (change_db / 20.0)


def _band(samples: np.ndarray, context: Context, low_hz: float, high_hz: float) -> np.ndarray:
    filters = signal.butter(8, (low_hz, high_hz), "bandpass", fs=context.sample_rate_hz, output="sos")
    return signal.sosfiltfilt(filters, samples)


def _mp3(samples: np.ndarray, context: Context, compression: float) -> np.ndarray:
    """MP3 coding by libsndfile, with `compression` from 0 to 1. The coder's delay is kept."""
    buffer = io.BytesIO()
    options = {"compression_level": compression, "bitrate_mode": "CONSTANT"}
    soundfile.write(buffer, np.clip(samples, -1.0, 1.0), context.sample_rate_hz, format="MP3", **options)
    buffer.seek(0)
    decoded, rate_hz = soundfile.read(buffer, dtype="float32")
    return decoded if rate_hz == context.sample_rate_hz else soxr.resample(decoded, rate_hz, context.sample_rate_hz)


def _speed(samples: np.ndarray, context: Context, factor: float) -> np.ndarray:
    """Speed perturbation: tempo and pitch change together, as on a tape that runs faster."""
    return soxr.resample(samples, round(context.sample_rate_hz * factor), context.sample_rate_hz)


def _row(kind: str, strength: str, function: Callable[..., np.ndarray], **values: float) -> Corruption:
    return Corruption(kind, strength, functools.partial(function, **values))


def white_noise(snr_db: float) -> Corruption:
    """White noise whose mean power is `snr_db` below the clip's."""
    return _row("white noise", f"{snr_db:g} dB SNR", _white, snr_db=snr_db)


_VOICES = 5  # of babble
_DIRECT_DB = 0.0  # level of the direct sound above the reverberation

# In order of severity within a type. A new corruption is a function and a row.
CORRUPTIONS = (
    *(white_noise(snr_db) for snr_db in (30, 20, 10)),
    *(_row("babble", f"{snr} dB SNR", _babble, snr_db=snr) for snr in (20, 10, 5)),
    *(_row("reverberation", f"{rt60:g} s RT60", _room, rt60_s=rt60) for rt60 in (0.3, 0.6, 1.2)),
    *(_row("level", f"{change:+d} dB", _gain, change_db=change) for change in (-20, -10, 10)),
    _row("telephone", "300 to 3,400 Hz", _band, low_hz=300.0, high_hz=3_400.0),
    *(_row("MP3", words, _mp3, compression=level) for words, level in (("mild", 0.5), ("strong", 0.9))),
    *(_row("speed", f"x {factor:g}", _speed, factor=factor) for factor in (0.9, 1.1)),
)


def corrupt(
    corruption: Corruption, samples: Float[np.ndarray, " time"], context: Context
) -> Float32[np.ndarray, " corrupted"]:
    """The corrupted clip: float32 `[time]`, clipped at full scale as by a recorder."""
    return np.clip(corruption.apply(samples.astype(np.float64), context), -1.0, 1.0).astype(np.float32)


def _added(samples: np.ndarray, noise: np.ndarray, snr_db: float) -> np.ndarray:
    """The clip plus noise, whose mean power is `snr_db` below the clip's."""
    scale = _rms(samples) / max(_rms(noise), 1e-9) * 10.0 ** (-snr_db / 20.0)
    return samples + scale * noise


def _rms(samples: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64))))
