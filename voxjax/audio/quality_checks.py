"""Signs of sound that is no speech, or was recorded unlike what models are trained on, in NumPy.

Each check is a limit on measurements. The limits were chosen on speech of RAVDESS and EmoDB and on examples that were
made for it; how often they are right there is in `docs/results/audio_warnings.json`.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

_FRAME_S = 0.048  # more than three periods of the lowest pitch
_LONG_FRAMES = 3  # frames of which one spectrum is taken, fine enough to separate harmonics
_LOUD_DB = 25.0  # below the loudest frame: speech, without pauses
_FLOOR = 1e-12
_PITCH_HZ = (75.0, 450.0)
_VOICE_BAND_HZ = (80.0, 1_200.0)
_LAGS_HZ = 8_000.0  # rate at which the autocorrelation is sampled
_SPEECH_BAND_HZ = (300.0, 3_400.0)
_HIGH_BAND_HZ = (4_200.0, 7_000.0)  # which a telephone does not transmit
_HARMONICS_HZ = (100.0, 3_000.0)
_ENVELOPE_BINS = 9  # of a spectrum that are averaged, to leave its fine structure
_NEAR_PEAK = 0.98
_VOICED = 0.7  # autocorrelation at the pitch period relative to the power
_BLOCK_S = 8.0
_MOST_BLOCKS = 75  # of a recording; those of a longer one are spread over it


class Measurements(NamedTuple):
    """What is measured on a recording."""

    duration_s: float
    level_db: float  # of the loud frames, relative to full scale
    near_peak: float  # fraction of samples within 2 % of the highest
    high_band_db: float  # power above 4.2 kHz relative to that from 300 to 3,400 Hz, in loud frames
    voiced_s: float  # seconds of loud frames with a pitch
    steadiness: float  # correlation of the fine structure of spectra 0.3 s apart


class Check(NamedTuple):
    """One kind of unusual sound."""

    found: Callable[[Measurements], bool]
    text: Callable[[Measurements], str]


# A new check is a row.
CHECKS = {
    "too short": Check(
        lambda m: m.duration_s < 0.5,
        lambda m: f"only {m.duration_s:.1f} s long: too short to tell an emotion from",
    ),
    "too quiet": Check(
        lambda m: m.level_db < -54.0,
        lambda m: f"very quiet ({m.level_db:.0f} dB of full scale): noise and rounding may hide the voice",
    ),
    "clipped": Check(
        lambda m: m.near_peak > 0.003,
        lambda m: f"clipped ({m.near_peak:.1%} of the samples are at the highest level): recorded too loud",
    ),
    "band-limited": Check(
        lambda m: m.high_band_db < -38.0,
        lambda m: "band-limited, as by a telephone: no sound above 4 kHz",
    ),
    "no speech": Check(
        lambda m: m.voiced_s < 0.1 + 0.005 * m.duration_s,
        lambda m: f"no speech found (a voice's pitch in {m.voiced_s:.1f} s)",
    ),
    "music": Check(
        lambda m: m.steadiness > 0.25,
        lambda m: "steady tones, as of music or a machine",
    ),
}


def warnings(measured: Measurements) -> list[str]:
    """A sentence for each check that finds something; of a clip that is too short, that alone."""
    if CHECKS["too short"].found(measured):
        return [CHECKS["too short"].text(measured)]
    return [check.text(measured) for check in CHECKS.values() if check.found(measured)]


def measure(samples: Float[np.ndarray, " time"], rate_hz: int) -> Measurements:
    """The measurements of a recording, float32 `[time]`, mono, of any length above 0."""
    blocks = _blocks(samples, round(_BLOCK_S * rate_hz))
    frame = round(_FRAME_S * rate_hz)
    frames = np.concatenate([_frames(block, frame) for block in blocks])
    power = np.mean(np.square(frames), axis=1)
    loud = power >= power.max() * 10.0 ** (-_LOUD_DB / 10.0)
    level = float(power[loud].mean())
    spectra = np.square(np.abs(np.fft.rfft(frames[loud] * np.hanning(frame).astype(np.float32), 2 * frame)))
    scale = len(samples) / (len(frames) * frame)  # where not all of it is measured
    return Measurements(
        duration_s=len(samples) / rate_hz,
        level_db=10.0 * float(np.log10(max(level, _FLOOR))),
        near_peak=_near_peak(samples),
        high_band_db=_band_db(spectra, rate_hz, _HIGH_BAND_HZ) - _band_db(spectra, rate_hz, _SPEECH_BAND_HZ),
        voiced_s=float(np.sum(_voicing(spectra, rate_hz) > _VOICED)) * _FRAME_S * max(scale, 1.0),
        steadiness=_steadiness(np.concatenate(blocks), rate_hz),
    )


def _blocks(samples: Float[np.ndarray, " time"], size: int) -> list[Float[np.ndarray, " _"]]:
    count = -(-len(samples) // size)
    chosen = np.unique(np.linspace(0, count - 1, min(count, _MOST_BLOCKS)).astype(int))
    return [samples[i * size : (i + 1) * size] for i in chosen]


def _frames(samples: Float[np.ndarray, " time"], size: int) -> Float[np.ndarray, "frames size"]:
    """Frames that do not overlap, the last one padded with zeros where it is the only one."""
    whole = len(samples) // size * size or size
    return np.pad(samples[:whole], (0, max(0, whole - len(samples)))).reshape(-1, size)


def _near_peak(samples: Float[np.ndarray, " time"]) -> float:
    peak = max(float(samples.max()), -float(samples.min()))
    if not peak:
        return 0.0
    return float(np.mean((samples >= _NEAR_PEAK * peak) | (samples <= -_NEAR_PEAK * peak)))


def _bins(spectra: Float[np.ndarray, "frames bins"], rate_hz: int, band_hz: tuple[float, float]) -> slice:
    per_hz = 2.0 * (spectra.shape[1] - 1) / rate_hz
    return slice(round(band_hz[0] * per_hz), round(band_hz[1] * per_hz) + 1)


def _band_db(spectra: Float[np.ndarray, "frames bins"], rate_hz: int, band_hz: tuple[float, float]) -> float:
    """Power in a band."""
    return 10.0 * float(np.log10(max(float(spectra[:, _bins(spectra, rate_hz, band_hz)].sum()), _FLOOR)))


def _voicing(spectra: Float[np.ndarray, "frames bins"], rate_hz: int) -> Float[np.ndarray, " frames"]:
    """The highest peak of the autocorrelation at a pitch period, relative to the power and the window's own.

    Of frequencies that hold most harmonics of a voice, raised by 6 dB an octave: else noise with a falling spectrum,
    as of wind or traffic, has a high autocorrelation at all short lags.
    """
    size, points = spectra.shape[1] - 1, _bins(spectra, rate_hz, (0.0, _LAGS_HZ / 2.0)).stop - 1
    window = np.fft.irfft(np.square(np.abs(np.fft.rfft(np.hanning(size), 2 * size)))[: points + 1])
    band = _bins(spectra, rate_hz, _VOICE_BAND_HZ)
    weighted = np.zeros((len(spectra), points + 1), np.float32)
    weighted[:, band] = spectra[:, band] * np.square(np.arange(band.start, band.stop, dtype=np.float32))
    correlation = np.fft.irfft(weighted)
    first, last = (round(_LAGS_HZ / pitch_hz) for pitch_hz in reversed(_PITCH_HZ))
    lags = slice(first - 1, last + 2)
    own = correlation[:, lags] / np.maximum(window[lags] / window[0] * correlation[:, :1], _FLOOR)
    inner = own[:, 1:-1]
    peaks = (inner > own[:, :-2]) & (inner >= own[:, 2:])
    return np.max(np.where(peaks, inner, 0.0), axis=1, initial=0.0)


def _steadiness(samples: Float[np.ndarray, " time"], rate_hz: int) -> float:
    """Mean correlation of the fine structure of loud spectra with that of 0.3 s before."""
    frames = _frames(samples, _LONG_FRAMES * round(_FRAME_S * rate_hz))
    power = np.mean(np.square(frames), axis=1)
    spectra = np.abs(np.fft.rfft(frames * np.hanning(frames.shape[1]).astype(np.float32)))
    fine = np.log(np.maximum(spectra[:, _bins(spectra, rate_hz, _HARMONICS_HZ)], 1e-9))
    total = np.cumsum(np.pad(fine, ((0, 0), (1, 0))), axis=1)
    smooth = (total[:, _ENVELOPE_BINS:] - total[:, :-_ENVELOPE_BINS]) / _ENVELOPE_BINS
    half = _ENVELOPE_BINS // 2
    fine = fine[:, half:-half] - smooth
    fine -= fine.mean(axis=1, keepdims=True)
    fine /= np.maximum(np.linalg.norm(fine, axis=1, keepdims=True), 1e-9)
    loud = power > power.max() * 10.0 ** (-_LOUD_DB / 10.0)
    pairs = loud[2:] & loud[:-2]
    return float(np.mean(np.sum(fine[2:] * fine[:-2], axis=1)[pairs])) if pairs.any() else 0.0
