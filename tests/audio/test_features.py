"""Frames against librosa; trimming, windows and padding."""

import dataclasses

import jax.numpy as jnp
import librosa
import numpy as np
import pytest
import soundfile

from voxjax.audio import features
from voxjax.config import FrameFeatures
from voxjax.errors import UsageError

pytestmark = pytest.mark.full_compiler  # numbers that users get

CONFIG = FrameFeatures(channels=("logmel", "mfcc", "energy", "pitch"), mfcc=20)


def clip(seed, samples):
    """Noise with a rising and falling level."""
    swell = np.sin(np.linspace(0, np.pi, samples)) ** 2
    return (np.random.default_rng(seed).normal(size=samples) * swell * 0.2).astype(np.float32)


def batch(clips):
    size = max(map(len, clips))
    padded = np.stack([np.pad(samples, (0, size - len(samples))) for samples in clips])
    return padded, np.array([len(samples) for samples in clips], np.int32)


def test_frames_match_librosa_with_any_padding():
    clips = [clip(0, 16_000), clip(1, 9_999), clip(2, 22_050)]
    values, lengths = features.extract(CONFIG, *batch(clips))
    spans = features.channel_spans(CONFIG)
    for samples, rows, length in zip(clips, values, lengths, strict=True):
        power = librosa.feature.melspectrogram(
            y=samples, sr=16_000, n_fft=512, hop_length=256, n_mels=64, fmin=0, fmax=8000
        )
        level_db = librosa.power_to_db(power, top_db=None)
        assert int(length) == power.shape[1]
        np.testing.assert_allclose(rows[:length, slice(*spans["logmel"])], level_db.T, atol=2e-3)
        mfcc = librosa.feature.mfcc(S=level_db, n_mfcc=20)
        np.testing.assert_allclose(rows[:length, slice(*spans["mfcc"])], mfcc.T, atol=5e-3)
        assert not np.any(rows[length:])


def test_real_clips_match_librosa(ravdess_dir):
    paths = sorted(ravdess_dir.rglob("*.flac"))[::180]
    clips = [soundfile.read(path, dtype="float32")[0] for path in paths]
    values, lengths = features.extract(FrameFeatures(), *batch(clips))
    for samples, rows, length in zip(clips, values, lengths, strict=True):
        power = librosa.feature.melspectrogram(
            y=samples, sr=16_000, n_fft=512, hop_length=256, n_mels=64, fmin=0, fmax=8000
        )
        np.testing.assert_allclose(rows[:length], librosa.power_to_db(power, top_db=None).T, atol=2e-3)


def test_noise_that_is_added_to_the_bands_hides_what_is_weaker():
    samples = np.concatenate([clip(0, 8_000), 1e-3 * clip(1, 8_000)])
    power = librosa.feature.melspectrogram(
        y=samples, sr=16_000, n_fft=512, hop_length=256, n_mels=64, fmin=0, fmax=8000
    )
    for noise_db in (-50.0, -200.0):
        config = FrameFeatures(mel_noise_db=noise_db)
        expected = 10.0 * np.log10(np.maximum(power + 10.0 ** (noise_db / 10.0), 1e-10))
        found = np.asarray(features.logmel(config, jnp.asarray(samples)))
        np.testing.assert_allclose(found, expected.T, atol=2e-3)
        assert (found[40:].std() < 0.2) == (noise_db == -50.0)


def test_trim_matches_librosa_within_a_frame():
    samples = np.concatenate([np.zeros(8_000, np.float32), clip(3, 16_000), np.zeros(5_000, np.float32)])
    config = FrameFeatures(trim_db=30.0)
    kept = features.trimmed(config, samples)
    _, (start, end) = librosa.effects.trim(samples, top_db=30, frame_length=256, hop_length=256)
    assert abs(kept.start - start) <= 256 and abs(kept.stop - end) <= 512
    assert features.trimmed(dataclasses.replace(config, trim_db=200.0), samples).stop > end


def test_level_peak_removes_the_gain_and_level_keep_keeps_it():
    samples = clip(4, 8_000)
    peak = FrameFeatures(level="peak")
    np.testing.assert_allclose(features.prepare(peak, samples), features.prepare(peak, samples * 0.1), rtol=1e-4)
    keep = FrameFeatures(level="keep")
    np.testing.assert_allclose(features.prepare(keep, samples) * 0.1, features.prepare(keep, samples * 0.1), rtol=1e-4)


def test_windows_cover_a_long_clip_once():
    samples = np.arange(16_000 * 7, dtype=np.float32)
    windows = features.windows(FrameFeatures(max_duration_s=3.0), samples)
    assert len(windows) == 3 and max(map(len, windows)) <= 48_000
    np.testing.assert_array_equal(np.concatenate(windows), samples)


def test_the_error_of_an_unknown_channel_names_the_nearest():
    with pytest.raises(UsageError, match="did you mean 'logmel'"):
        features.extract(
            FrameFeatures(channels=("logmels",)), np.zeros((1, 4000), np.float32), np.array([4000], np.int32)
        )
