"""Each corruption has its stated strength, measured on the samples."""

import numpy as np
import pytest
from scipy import signal

from voxjax.audio import corruptions

RATE = 16_000


def context(seed=0, count=3):
    random = np.random.default_rng(7)
    return corruptions.Context(RATE, [random.normal(0, 0.05, 9_000) for _ in range(count)], np.random.default_rng(seed))


def speech(seconds=1.5):
    """Noise with a falling spectrum, modulated like syllables."""
    samples = np.random.default_rng(1).normal(size=round(seconds * RATE))
    samples = signal.lfilter([1.0], [1.0, -0.9], samples)
    return (0.03 * samples * (1.2 + np.sin(2 * np.pi * 4 * np.arange(len(samples)) / RATE))).astype(np.float32)


def of_kind(kind):
    return [one for one in corruptions.CORRUPTIONS if one.kind == kind]


def power_db(samples):
    return 10 * np.log10(np.mean(np.square(samples, dtype=np.float64)))


@pytest.mark.parametrize("kind", ["white noise", "babble"])
def test_noise_has_the_stated_signal_to_noise_ratio(kind):
    clip = speech()
    for corruption in of_kind(kind):
        noise = corruptions.corrupt(corruption, clip, context()) - clip
        assert power_db(clip) - power_db(noise) == pytest.approx(float(corruption.strength.split()[0]), abs=0.1)


def test_babble_is_the_sum_of_other_clips():
    silent = corruptions.Context(RATE, [np.zeros(100)], np.random.default_rng(0))
    np.testing.assert_allclose(corruptions.corrupt(of_kind("babble")[0], speech(), silent), speech(), atol=1e-6)


def test_reverberation_decays_by_60_db_in_the_stated_time():
    click = np.zeros(3 * RATE, np.float32)
    click[100] = 0.5
    for corruption in of_kind("reverberation"):
        tail = corruptions.corrupt(corruption, click, context())[101:].astype(np.float64)
        left = 10 * np.log10(np.maximum(np.cumsum(np.square(tail)[::-1])[::-1], 1e-30))  # Schroeder 1965
        left -= left[0]
        first, last = (int(np.argmax(left < level)) for level in (-5, -25))
        assert 3 * (last - first) / RATE == pytest.approx(float(corruption.strength.split()[0]), rel=0.1)


def test_level_changes_by_the_stated_decibels_and_clips_at_full_scale():
    for corruption in of_kind("level"):
        change = power_db(corruptions.corrupt(corruption, speech() / 10, context())) - power_db(speech() / 10)
        assert change == pytest.approx(float(corruption.strength.split()[0]), abs=0.05)
        assert np.abs(corruptions.corrupt(corruption, 100 * speech(), context())).max() <= 1.0


def test_telephone_passes_only_its_band():
    def kept_db(frequency_hz):
        tone = 0.1 * np.sin(2 * np.pi * frequency_hz * np.arange(RATE) / RATE)
        passed = corruptions.corrupt(of_kind("telephone")[0], tone.astype(np.float32), context())
        return power_db(passed[4_000:-4_000]) - power_db(tone)  # away from the ends of the tone

    assert all(abs(kept_db(hz)) < 1 for hz in (500, 1_000, 3_000))
    assert all(kept_db(hz) < -40 for hz in (100, 5_000, 7_000))


def test_mp3_is_coded_and_decoded():
    clip = speech()
    errors = []
    for corruption in of_kind("MP3"):
        decoded = corruptions.corrupt(corruption, clip, context())
        assert abs(len(decoded) - len(clip)) < 3_000
        lag = np.argmax(signal.correlate(decoded, clip)) - len(clip) + 1
        shared = min(len(decoded) - lag, len(clip))
        errors.append(power_db(decoded[lag : lag + shared] - clip[:shared]) - power_db(clip))
    assert -40 < errors[0] < errors[1] < 0


def test_speed_changes_pitch_and_duration_together():
    tone = 0.1 * np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE).astype(np.float32)
    for corruption in of_kind("speed"):
        factor = float(corruption.strength.split()[1])
        faster = corruptions.corrupt(corruption, tone, context())
        assert len(faster) == pytest.approx(len(tone) / factor, rel=0.001)
        peak_hz = np.argmax(np.abs(np.fft.rfft(faster))) * RATE / len(faster)
        assert peak_hz == pytest.approx(440 * factor, rel=0.005)


@pytest.mark.parametrize("corruption", corruptions.CORRUPTIONS, ids=lambda one: f"{one.kind} {one.strength}")
def test_the_same_seed_gives_the_same_samples(corruption):
    first, again, other = (corruptions.corrupt(corruption, speech(), context(seed)) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first, again)
    assert first.dtype == np.float32 and np.isfinite(first).all()
    assert (not np.array_equal(first, other)) == (corruption.kind in ("white noise", "babble", "reverberation"))
