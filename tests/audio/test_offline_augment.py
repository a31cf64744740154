"""Offline augmentation: the documented effect of each method, against librosa where it has the method."""

import dataclasses

import jax
import jax.numpy as jnp
import librosa
import numpy as np
import pytest

from voxjax.audio import offline_augment
from voxjax.config import OfflineAugmentConfig
from voxjax.data import synthetic
from voxjax.errors import UsageError

RATE = 16_000
KEY = jax.random.key(0)


def voice(length=16_000, hz=200.0):
    time = np.arange(length) / RATE
    return (0.2 * sum(np.sin(2 * np.pi * hz * k * time) / k for k in range(1, 6))).astype(np.float32)


def padded(samples, room=9_000):
    return jnp.asarray(np.pad(samples, (0, room))), jnp.int32(len(samples))


def pitch_of(samples):
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples)), 1 << 17))
    return np.argmax(spectrum) * RATE / (1 << 17)


@pytest.mark.parametrize("rate", [0.8, 1.0, 1.13, 1.3])
def test_time_stretch_matches_librosa(rate):
    samples = voice() * np.hanning(16_000).astype(np.float32)
    ours, length = offline_augment.time_stretch(*padded(samples), jnp.float32(rate), 24_000)
    theirs = librosa.effects.time_stretch(samples, rate=rate, n_fft=1024, hop_length=256)
    assert abs(int(length) - len(theirs)) <= 1
    size = min(int(length), len(theirs))
    error = np.asarray(ours[:size]) - theirs[:size]
    assert np.sqrt(np.mean(error**2)) < 0.02 * np.sqrt(np.mean(theirs**2))
    assert not np.any(ours[int(length) :])


@pytest.mark.parametrize("semitones", [-2.0, 0.0, 1.5])
def test_pitch_shift_moves_the_pitch_and_keeps_the_length(semitones):
    ours = offline_augment.pitch_shift(*padded(voice()), jnp.float32(semitones), 30_000)
    assert ours.shape == (25_000,) and not np.any(ours[16_000:])
    assert pitch_of(np.asarray(ours[2_000:14_000])) == pytest.approx(200 * 2 ** (semitones / 12), rel=0.01)


@pytest.mark.parametrize("semitones", [-2.0, 2.0])
def test_the_spectrum_of_pitch_shift_is_close_to_librosas(semitones):
    samples = synthetic.render(synthetic.SPEAKERS[1], "angry", 0)
    ours = offline_augment.pitch_shift(*padded(samples), jnp.float32(semitones), 2 * len(samples))[: len(samples)]
    options = {"sr": RATE, "n_steps": semitones, "n_fft": 1024, "hop_length": 256}
    theirs = librosa.effects.pitch_shift(samples, **options)
    levels = [librosa.power_to_db(librosa.feature.melspectrogram(y=y, sr=RATE)) for y in (np.asarray(ours), theirs)]
    assert np.abs(levels[0] - levels[1])[:, 2:-4].mean() < 0.5


def test_resample_raises_a_tone_and_removes_aliases():
    tone, high = (np.sin(2 * np.pi * hz * np.arange(16_000) / RATE).astype(np.float32) for hz in (500.0, 7_500.0))
    faster = np.asarray(offline_augment.resample(jnp.asarray(tone), jnp.float32(1.25), 12_000))[1_000:11_000]
    np.testing.assert_allclose(faster, np.sin(2 * np.pi * 625 * np.arange(1_000, 11_000) / RATE), atol=2e-3)
    aliased = np.asarray(offline_augment.resample(jnp.asarray(high), jnp.float32(1.25), 12_000))[1_000:11_000]
    assert np.sqrt(np.mean(aliased**2)) < 0.05


def test_resample_is_accurate_in_a_long_clip():
    ratio = np.float32(1.1234567)
    places = np.arange(850_000) * np.float64(ratio)
    wave = jnp.asarray(np.sin(2 * np.pi * 0.2 * np.arange(960_000)).astype(np.float32))  # a minute of 3.2 kHz
    np.testing.assert_allclose(
        offline_augment.resample(wave, jnp.float32(ratio), 850_000)[100:],
        np.sin(2 * np.pi * 0.2 * places)[100:],
        atol=5e-3,
    )


@pytest.mark.parametrize("rate", [0.8, 1.25])
def test_speed_changes_tempo_and_pitch_together(rate):
    config = OfflineAugmentConfig(speed_rate=(rate, rate))
    sound, length = offline_augment.speed(KEY, config, RATE, *padded(voice()))
    assert int(length) == round(16_000 / rate) and not np.any(sound[int(length) :])
    assert pitch_of(np.asarray(sound[1_000 : int(length) - 1_000])) == pytest.approx(200 * rate, rel=0.01)


def test_noise_has_its_signal_to_noise_ratio_and_stays_inside_the_clip():
    config = OfflineAugmentConfig(noise_snr_db=(12.0, 12.0))
    samples, length = padded(voice())
    noisy, _ = offline_augment.METHODS["noise"](KEY, config, RATE, samples, length)
    hiss = np.asarray(noisy - samples)
    ratio_db = 10 * np.log10(np.mean(voice() ** 2) / np.mean(hiss[:16_000] ** 2))
    assert ratio_db == pytest.approx(12.0, abs=0.2) and not hiss[16_000:].any()


def test_shift_is_at_most_the_configured_one_and_fills_with_silence():
    config = OfflineAugmentConfig(shift_s=0.1)
    samples, length = padded(np.ones(16_000, np.float32))
    moves = set()
    for i in range(12):
        moved, _ = offline_augment.shift(jax.random.fold_in(KEY, i), config, RATE, samples, length)
        gone = 16_000 - int(np.asarray(moved).sum())
        moves.add(gone)
        assert gone <= 1_600 and not np.any(moved[16_000:])
    assert len(moves) > 8


def made(clips, ids, copy=1, config=None):
    size = max(map(len, clips))
    array = np.stack([np.pad(c, (0, size - len(c))) for c in clips])
    lengths = np.array([len(c) for c in clips], np.int32)
    return offline_augment.make(config or OfflineAugmentConfig(), RATE, array, lengths, np.array(ids, np.uint32), copy)


@pytest.mark.parametrize("copy", [1, 2, 3, 4])
def test_a_copy_depends_only_on_its_clip_and_number(copy):
    clips = [voice(8_000), voice(12_000, 150.0), voice(10_000, 310.0)]
    together, lengths = made(clips, [5, 6, 7], copy)
    swapped, _ = made(clips[::-1], [7, 6, 5], copy)
    np.testing.assert_allclose(together[0], swapped[2], atol=1e-5)
    twins, _ = made([clips[0], clips[0]], [5, 9], copy)
    assert float(jnp.abs(twins[0] - twins[1]).max()) > 1e-3
    n = int(lengths[0])
    assert not np.any(together[0, n:]) and float(jnp.abs(together[0, :n]).max()) > 0.05
    alone, _ = made(clips[:1], [5], copy)  # with less padding
    np.testing.assert_allclose(together[0, :n], alone[0, :n], atol=1e-5)


def test_a_large_pitch_shift_fills_the_clip_to_its_end():
    config = OfflineAugmentConfig(methods=("pitch",), pitch_semitones=(5.0, 5.0))
    samples, _ = made([voice(16_000)], [1], 1, config)
    assert samples.shape == (1, 16_000) and float(jnp.abs(samples[0, -500:]).max()) > 0.2


def test_methods_take_turns_and_are_chained():
    config = OfflineAugmentConfig(methods=("shift", "shift+noise"))
    quiet = [np.concatenate([np.zeros(4_000), voice(4_000)]).astype(np.float32)]
    plain = np.asarray(made(quiet, [1], 1, config)[0][0])
    third = np.asarray(made(quiet, [1], 3, config)[0][0])
    both = np.asarray(made(quiet, [1], 2, config)[0][0])
    assert (plain == 0).mean() > 0.2 and (third == 0).mean() > 0.2
    assert (both[:8_000] == 0).mean() < 0.01


def test_unknown_method_is_an_error():
    with pytest.raises(UsageError, match="did you mean 'stretch'"):
        made([voice()], [1], 1, dataclasses.replace(OfflineAugmentConfig(), methods=("strech",)))
