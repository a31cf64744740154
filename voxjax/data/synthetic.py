"""Synthetic speech with emotion: a source-filter voice (Fant 1960), deterministic, no recordings needed.

A glottal pulse train with jitter, shimmer and breath passes through the formants of a sentence of
vowels and consonants. Each emotion moves pitch, its range and slope, rate, level, spectral tilt and
irregularity as measured in actors (Banse and Scherer 1996; Juslin and Laukka 2003; Murray and
Arnott 1993). Results on synthetic voices do not transfer to people.
"""

import dataclasses
import zlib

import numpy as np
from jaxtyping import Float32
from scipy.signal import lfilter

SAMPLE_RATE_HZ = 16_000


@dataclasses.dataclass(frozen=True)
class Speaker:
    """A voice: mean pitch, formants relative to a man's, and a speaking rate."""

    name: str
    gender: str
    pitch_hz: float
    tract: float
    rate: float


@dataclasses.dataclass(frozen=True)
class Manner:
    """Prosody and voice quality of an emotion, relative to the speaker's neutral voice."""

    pitch: float  # ratio of the mean
    span: float  # of the pitch around its mean, in semitones
    slope: float  # of the pitch over the sentence, in semitones
    rate: float  # ratio of syllables a second
    level_db: float
    tilt_db: float  # change of the spectral slope, per octave: above 0 is brighter
    jitter: float  # fraction of a period
    breath: float  # noise relative to the pulses
    attack: float  # sharpness of syllables: 1 is neutral


MANNERS = {
    "neutral": Manner(1.00, 2.0, -2.0, 1.00, 0.0, 0.0, 0.006, 0.03, 1.0),
    "calm": Manner(0.95, 1.4, -2.0, 0.85, -3.0, -1.5, 0.005, 0.06, 0.7),
    "happy": Manner(1.30, 4.5, 1.0, 1.12, 4.0, 1.5, 0.008, 0.03, 1.3),
    "sad": Manner(0.90, 1.2, -4.0, 0.75, -6.0, -3.0, 0.010, 0.10, 0.6),
    "angry": Manner(1.25, 4.0, -3.0, 1.15, 9.0, 3.5, 0.016, 0.02, 2.0),
    "fearful": Manner(1.45, 2.5, 1.5, 1.25, 1.0, 1.0, 0.022, 0.12, 1.1),
    "disgust": Manner(0.92, 3.0, -5.0, 0.85, 1.0, 0.5, 0.018, 0.05, 1.2),
    "surprised": Manner(1.50, 6.0, 6.0, 1.05, 3.0, 1.0, 0.008, 0.05, 1.4),
}

SPEAKERS = tuple(
    Speaker(f"speaker_{i + 1:02d}", "female" if i % 2 else "male", pitch_hz, tract, rate)
    for i, (pitch_hz, tract, rate) in enumerate(
        [(110, 1.0, 1.0), (205, 1.17, 1.05), (98, 0.97, 0.92), (222, 1.2, 1.0),
         (128, 1.03, 1.08), (188, 1.13, 0.95), (118, 1.0, 1.0), (214, 1.16, 1.1)]
    )
)  # fmt: skip

TAKES = 6

_VOWELS_HZ = np.array(  # formants of a, e, i, o, u, schwa in a man's voice (Peterson and Barney 1952)
    [(730, 1090, 2440), (530, 1840, 2480), (270, 2290, 3010), (570, 840, 2410), (300, 870, 2240), (500, 1500, 2500)]
)
_BANDWIDTHS_HZ = (80.0, 100.0, 140.0)
_SYLLABLES_PER_S = 4.6
_HOP = 80  # samples between changes of the formants: 5 ms


def render(speaker: Speaker, emotion: str, take: int) -> Float32[np.ndarray, " time"]:
    """One sentence: float32 `[time]` at 16 kHz, 1 to 2.5 s, the same at every call.

    Args:
        speaker: one of `SPEAKERS`, or another voice.
        emotion: a key of `MANNERS`.
        take: from 0; even takes have one sentence, odd ones another.
    """
    seed = zlib.crc32(f"{speaker.name}/{emotion}/{take}".encode())
    random = np.random.default_rng(seed)
    manner = _varied(MANNERS[emotion], random)
    syllables = np.random.default_rng(take % 2).integers(0, len(_VOWELS_HZ), 6)
    rate = _SYLLABLES_PER_S * speaker.rate * manner.rate
    frames = int(len(syllables) / rate * SAMPLE_RATE_HZ / _HOP)
    place = np.linspace(0, len(syllables), frames, endpoint=False)  # in syllables
    loudness = _loudness(place, manner)
    source = _source(_pitch(place / len(syllables), speaker, manner, random), loudness, manner, random)
    voice = _filtered(source, _formants(place, syllables, speaker))
    voice = _tilted(voice, manner.tilt_db)
    voice *= 10 ** (manner.level_db / 20) * 0.05 / np.sqrt(np.mean(voice**2))
    room = 1e-3 * random.normal(size=len(voice) + 3_200)
    room[1_600:-1_600] += voice
    return np.clip(room, -0.99, 0.99).astype(np.float32)


def _varied(manner: Manner, random: np.random.Generator) -> Manner:
    """The manner of one take, varied at random so that emotions overlap."""
    return Manner(
        pitch=manner.pitch * np.exp(random.normal(0, 0.08)),
        span=manner.span * np.exp(random.normal(0, 0.25)),
        slope=manner.slope + random.normal(0, 1.2),
        rate=manner.rate * np.exp(random.normal(0, 0.07)),
        level_db=manner.level_db + random.normal(0, 2.0),
        tilt_db=manner.tilt_db + random.normal(0, 0.8),
        jitter=manner.jitter * np.exp(random.normal(0, 0.3)),
        breath=manner.breath * np.exp(random.normal(0, 0.4)),
        attack=manner.attack * np.exp(random.normal(0, 0.15)),
    )


def _pitch(position: np.ndarray, speaker: Speaker, manner: Manner, random: np.random.Generator) -> np.ndarray:
    """Pitch in Hz over the sentence: a slope, two waves of intonation, and slow random changes."""
    phase = random.uniform(0, 2 * np.pi, 2)
    waves = 0.7 * np.sin(4 * np.pi * position + phase[0]) + 0.5 * np.sin(10 * np.pi * position + phase[1])
    drift = np.convolve(random.normal(0, 1, len(position)), np.hanning(31) / 4, "same")
    semitones = manner.slope * (position - 0.5) + manner.span * waves + 0.3 * drift
    return speaker.pitch_hz * manner.pitch * 2 ** (semitones / 12)


def _loudness(place: np.ndarray, manner: Manner) -> np.ndarray:
    """The envelope of each syllable, sharper with more attack, with a gap for each consonant."""
    return np.sin(np.pi * np.clip((place % 1 - 0.12) / 0.88, 0, 1)) ** (1 / manner.attack)


def _source(pitch_hz: np.ndarray, loudness: np.ndarray, manner: Manner, random: np.random.Generator) -> np.ndarray:
    """Glottal flow with irregular periods and breath, and noise for consonants: `[frames * hop]`."""
    size = len(pitch_hz) * _HOP
    times = np.arange(size) / _HOP
    hz = np.interp(times, np.arange(len(pitch_hz)), pitch_hz)
    loud = np.interp(times, np.arange(len(loudness)), loudness)
    roughness = np.repeat(random.normal(0, manner.jitter, size // 80 + 1), 80)[:size]
    phase = np.cumsum(hz * (1 + roughness)) / SAMPLE_RATE_HZ
    within = phase % 1
    shimmer = 1 + 4 * manner.jitter * random.normal(size=int(phase[-1]) + 2)[phase.astype(int)]
    open_fraction = 0.6
    pulse = np.where(within < open_fraction, np.sin(np.pi * within / open_fraction) ** 2, 0.0) * shimmer
    flow = np.diff(pulse, prepend=0.0) * loud
    breath = manner.breath * 0.15 * random.normal(size=size) * (0.3 + within) * loud
    hiss = 0.01 * random.normal(size=size) * (loud < 0.05)
    return flow + breath + hiss


def _formants(place: np.ndarray, syllables: np.ndarray, speaker: Speaker) -> np.ndarray:
    """Formants in Hz, gliding from vowel to vowel: `[frames, 3]`."""
    targets = _VOWELS_HZ[syllables] * speaker.tract
    centres = np.arange(len(syllables)) + 0.55
    return np.stack([np.interp(place, centres, targets[:, i]) for i in range(3)], axis=1)


def _filtered(source: np.ndarray, formants_hz: np.ndarray) -> np.ndarray:
    """Three resonators in series; their state is kept from frame to frame."""
    out = source
    for i, bandwidth_hz in enumerate(_BANDWIDTHS_HZ):
        radius = np.exp(-np.pi * bandwidth_hz / SAMPLE_RATE_HZ)
        cosine = np.cos(2 * np.pi * formants_hz[:, i] / SAMPLE_RATE_HZ)
        state, parts = np.zeros(2), []
        for frame, c in enumerate(cosine):
            a = [1.0, -2 * radius * c, radius**2]
            part, state = lfilter([sum(a)], a, out[frame * _HOP : (frame + 1) * _HOP], zi=state)
            parts.append(part)
        out = np.concatenate(parts)
    return out


def _tilted(voice: np.ndarray, tilt_db: float) -> np.ndarray:
    """Raises or lowers the spectrum by `tilt_db` per octave around 500 Hz."""
    spectrum = np.fft.rfft(voice)
    hz = np.fft.rfftfreq(len(voice), 1 / SAMPLE_RATE_HZ)
    octaves = np.log2(np.maximum(hz, 100.0) / 500.0)
    return np.fft.irfft(spectrum * 10 ** (tilt_db * octaves / 20), len(voice))
