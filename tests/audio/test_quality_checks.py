"""Warnings about sound: nothing about voices, and each kind of unusual sound under its name."""

import numpy as np
import pytest

from tests.encoded import voice
from voxjax.audio import quality_checks
from voxjax.audio.quality_checks import CHECKS, measure

RATE_HZ = 16_000


def speech(duration_s=3.0, seed=0):
    """Syllables of a gliding voice, breath above 4 kHz, and pauses."""
    random = np.random.default_rng(seed)
    time_s = np.arange(round(duration_s * RATE_HZ)) / RATE_HZ
    phase = 2 * np.pi * np.cumsum(140 + 30 * np.sin(2 * np.pi * 0.7 * time_s + seed)) / RATE_HZ
    voiced = sum(np.sin(k * phase) / k for k in range(1, 20))
    syllables = np.maximum(np.sin(2 * np.pi * 2.0 * time_s), 0.0)
    return (0.1 * syllables * (voiced + 0.3 * random.normal(size=len(time_s)))).astype(np.float32)


def found(samples, rate_hz=RATE_HZ):
    measured = measure(np.asarray(samples, np.float32), rate_hz)
    return [name for name, check in CHECKS.items() if check.found(measured)]


def noise(exponent):
    random = np.random.default_rng(0)
    frequency = np.maximum(np.fft.rfftfreq(4 * RATE_HZ), 1e-3)
    values = np.fft.irfft(np.fft.rfft(random.normal(size=4 * RATE_HZ)) / frequency ** (exponent / 2))
    return 0.5 * values / np.abs(values).max()


def chords():
    time_s = np.arange(4 * RATE_HZ) / RATE_HZ
    notes = [
        np.sin(2 * np.pi * k * pitch_hz * time_s) / k for pitch_hz in (131.0, 165.0, 196.0, 523.0) for k in range(1, 6)
    ]
    return 0.1 * sum(notes) * np.exp(-2 * (time_s % 1.0))


def narrow(samples):
    spectrum = np.fft.rfft(samples)
    spectrum[np.fft.rfftfreq(len(samples), 1 / RATE_HZ) > 3_800] = 0
    return np.fft.irfft(spectrum, len(samples))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("rate_hz", [RATE_HZ, 22_050])
def test_a_voice_has_no_warning(seed, rate_hz):
    assert found(speech(3.0 * rate_hz / RATE_HZ, seed), rate_hz) == []
    assert found(voice(1.0, RATE_HZ, seed)) in ([], ["music"]), "of one steady pitch"


def test_unusual_sound_has_its_own_warning():
    samples = speech()
    assert found(0.002 * samples) == ["too quiet"]
    assert found(np.clip(8 * samples / np.abs(samples).max(), -1, 1)) == ["clipped"]
    assert found(0.3 * np.clip(8 * samples / np.abs(samples).max(), -1, 1)) == ["clipped"], "at any level"
    assert found(narrow(samples)) == ["band-limited"]
    assert [found(noise(exponent)) for exponent in (0, 1, 2)] == [["no speech"]] * 3
    assert "music" in found(chords())
    assert "too short" in found(samples[: round(0.4 * RATE_HZ)])


def test_a_short_clip_has_one_warning_and_silence_is_measured():
    (text,) = quality_checks.warnings(measure(0.001 * speech(0.3), RATE_HZ))
    assert "0.3 s long" in text
    assert {"too quiet", "no speech"} <= set(found(np.zeros(RATE_HZ)))
    for size in (1, 10, 1_000):
        assert all(np.isfinite(measure(np.full(size, 0.1, np.float32), RATE_HZ)))


def test_parts_of_a_long_recording_are_measured_all_over():
    quiet = np.zeros(1_500 * RATE_HZ, np.float32)
    quiet[-300 * RATE_HZ :] = np.tile(speech(), 100)
    measured = measure(quiet, RATE_HZ)
    assert measured.duration_s == 1_500 and 30 < measured.voiced_s < 250
    assert measured.level_db > -40
