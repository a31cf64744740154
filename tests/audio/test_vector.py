"""The guide's 392 numbers against librosa called clip by clip."""

import jax.numpy as jnp
import librosa
import numpy as np
import pytest
import soundfile

from voxjax.audio import dsp, features, vector
from voxjax.config import VectorFeatures

pytestmark = pytest.mark.full_compiler  # numbers that users get

CONFIG = VectorFeatures(window_ms=128.0, hop_ms=32.0, trim_db=200.0)
RATE = 16_000

# Largest error allowed, relative to a number's own spread over clips.
TOLERANCE = 2e-4
CHROMA = slice(240, 264)


def reference(samples):
    mfcc = librosa.feature.mfcc(y=samples, sr=RATE, n_mfcc=40)
    parts = [mfcc, librosa.feature.delta(mfcc), librosa.feature.delta(mfcc, order=2)]
    parts.append(librosa.feature.chroma_stft(y=samples, sr=RATE))
    mel = librosa.feature.melspectrogram(y=samples, sr=RATE)
    return np.concatenate([f(part, axis=1) for part in parts for f in (np.mean, np.std)] + [mel.mean(axis=1)])


def batch(clips):
    size = max(map(len, clips)) + 777
    padded = np.stack([np.pad(samples, (0, size - len(samples))) for samples in clips])
    return padded, np.array([len(samples) for samples in clips], np.int32)


def voices(count):
    """Sums of harmonics with a moving pitch, in noise, of random length."""
    clips = []
    for seed in range(count):
        random = np.random.default_rng(seed)
        time = np.arange(random.integers(6_000, 40_000)) / RATE
        phase = 2 * np.pi * np.cumsum(random.uniform(90, 300) * (1 + 0.2 * np.sin(5 * time))) / RATE
        voice = sum(np.sin(k * phase) / k for k in range(1, 9)) * np.abs(np.sin(7 * time))
        clips.append((0.1 * voice + 0.003 * random.normal(size=len(time))).astype(np.float32))
    return clips


def compare(clips):
    """Checks all numbers but chroma; returns the fraction of clips whose chroma equals librosa's.

    librosa's tuning is the fullest of 100 bins with about 15 peaks each; between equal bins rounding decides.
    """
    ours = np.asarray(features.extract(CONFIG, *batch(clips))[0][..., 0])
    theirs = np.stack([reference(samples) for samples in clips])
    error = np.abs(ours - theirs) / np.maximum(theirs.std(0), 1e-6)
    assert np.delete(error, np.arange(392)[CHROMA], axis=1).max() < TOLERANCE
    return np.mean(error[:, CHROMA].max(1) < 1e-3)


def test_synthetic_voices_match_librosa_with_any_padding():
    assert compare(voices(12)) >= 0.9


def test_noise_matches_librosa():
    clips = [np.random.default_rng(i).normal(0, 0.1, 9_000 + 999 * i).astype(np.float32) for i in range(6)]
    assert compare(clips) >= 0.6


def test_real_clips_match_librosa(ravdess_dir):
    paths = sorted(ravdess_dir.rglob("*.flac"))[::48]
    assert len(paths) == 30
    assert compare([soundfile.read(path, dtype="float32")[0] for path in paths]) >= 0.85


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("count", [9, 10, 30])
def test_differences_match_librosa_for_any_length(order, count):
    rows = np.random.default_rng(count).normal(size=(30, 5)).astype(np.float32)
    rows[count:] = 0
    ours = vector.difference(jnp.asarray(rows), jnp.int32(count), order)[:count]
    np.testing.assert_allclose(ours, librosa.feature.delta(rows[:count].T, order=order).T, atol=1e-5)


def test_column_names_are_unique():
    assert len(set(vector.COLUMN_NAMES)) == len(vector.COLUMN_NAMES) == vector.SIZE == 392


def test_features_of_a_short_clip_are_finite():
    values, _ = features.extract(CONFIG, *batch([voices(1)[0][:1_700]]))
    assert bool(jnp.all(jnp.isfinite(values)))
    assert dsp.frame_count(jnp.int32(1_700), CONFIG.hop_samples) < 9
