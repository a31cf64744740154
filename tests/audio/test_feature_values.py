"""Channels, trimming, levels and windows of clips whose values are known beforehand."""

import jax.numpy as jnp
import numpy as np
import pytest
import scipy.fft

from voxjax.audio import dsp, features
from voxjax.config import EncoderFeatures, FrameFeatures, VectorFeatures

RATE_HZ = 8_000
CONFIG = FrameFeatures(
    sample_rate_hz=RATE_HZ, window_ms=32.0, hop_ms=8.0, mels=20, mel_low_hz=200.0, mel_high_hz=3_000.0, mfcc=7,
    channels=("pitch", "logmel", "energy", "mfcc"),
)  # fmt: skip


@pytest.fixture(scope="module")
def extracted():
    """A tone of 200 Hz that lasts 3,000 of 4,000 samples and noise of 4,000, with their features."""
    samples = np.zeros((2, 4_000), np.float32)
    samples[0, :3_000] = 0.5 * np.sin(2 * np.pi * 200 * np.arange(3_000) / RATE_HZ)
    samples[1] = np.random.default_rng(0).normal(0, 0.05, 4_000)
    values, lengths = features.extract(CONFIG, samples, np.array([3_000, 4_000], np.int32))
    return samples, np.asarray(values), np.asarray(lengths)


def test_channels_stand_in_their_order_and_end_with_the_clip(extracted):
    _, values, lengths = extracted
    assert features.channel_spans(CONFIG) == {
        "pitch": (0, 2), "logmel": (2, 22), "energy": (22, 23), "mfcc": (23, 30),
    }  # fmt: skip
    assert values.shape == (2, 63, 30) and lengths.tolist() == [3_000 // 64 + 1, 4_000 // 64 + 1]
    assert not values[0, 47:].any() and values[0, 46].any()


def test_log_mels_and_mfccs_equal_numpys(extracted):
    samples, values, lengths = extracted
    filters = dsp.mel_filters(RATE_HZ, 256, 20, 200.0, 3_000.0)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(256) / 256)
    for clip, rows, count in zip(samples, values, lengths, strict=True):
        frames = np.stack([np.pad(clip, 128)[i * 64 : i * 64 + 256] for i in range(count)])
        power = np.abs(np.fft.rfft(frames * window)) ** 2
        level_db = 10 * np.log10(np.maximum(power @ filters, 1e-10))
        np.testing.assert_allclose(rows[:count, 2:22], level_db, atol=0.02)
        mfcc = scipy.fft.dct(level_db, norm="ortho")[:, :7]
        np.testing.assert_allclose(rows[:count, 23:], mfcc, atol=0.05)


def test_energy_is_the_level_and_pitch_the_tone(extracted):
    samples, values, _ = extracted
    frames = np.stack([np.pad(samples[0], 128)[i * 64 : i * 64 + 256] for i in range(47)])
    np.testing.assert_allclose(values[0, :47, 22], 10 * np.log10(np.mean(frames**2, 1)), atol=1e-3)
    inner = values[0, 4:40]
    np.testing.assert_allclose(inner[:, 0], 1.0, atol=0.02)  # an octave above 100 Hz
    assert inner[:, 1].min() > 0.95
    noise = values[1]
    assert (noise[:, 1] < 0.5).mean() > 0.5 and not noise[noise[:, 1] <= 0.5, 0].any() and noise[:, 1].max() < 0.95


def test_a_low_voice_has_its_pitch():
    """80 Hz takes two windows to see twice."""
    low = 0.5 * np.sin(2 * np.pi * 80 * np.arange(4_000) / RATE_HZ)
    found = np.asarray(features.pitch(CONFIG, jnp.asarray(low, jnp.float32)))[10:50]
    np.testing.assert_allclose(found[:, 0], np.log2(0.8), atol=0.03)


def test_silence_has_the_floor_of_100_db():
    silent = jnp.zeros(640)
    assert np.unique(features.logmel(CONFIG, silent)).tolist() == [-100.0]
    assert np.unique(features.energy(CONFIG, silent)).tolist() == [-100.0]


def test_vectors_have_one_column_and_a_length(monkeypatch):
    def vector(config, samples, length):
        return jnp.stack([jnp.sum(samples), length.astype(jnp.float32), jnp.float32(config.trim_db)])

    monkeypatch.setattr(features, "vector", vector)
    samples = np.arange(8, dtype=np.float32).reshape(2, 4)
    values, sizes = features.extract(VectorFeatures(trim_db=7.0), samples, np.array([4, 3], np.int32))
    assert np.asarray(values).tolist() == [[[6.0], [4.0], [7.0]], [[22.0], [3.0], [7.0]]]
    assert sizes.tolist() == [3, 3] and sizes.dtype == jnp.int32


def test_an_encoders_features_do_not_come_from_the_signal_alone():
    config = EncoderFeatures(encoder="whisper_tiny", blocks=(1,))
    with pytest.raises(TypeError, match="features of kind encoder are not computed"):
        features.extract(config, np.zeros((1, 640), np.float32), np.array([640], np.int32))


def blocks(*levels_db, hop=64):
    """Frames of constant level in dB."""
    return np.repeat(10.0 ** (np.array(levels_db) / 20), hop).astype(np.float32)


@pytest.mark.parametrize(
    ("levels", "cut", "kept"),
    [
        ((-60, -20, 0, -20, -60), 0, (64, 256)),
        ((0, -60, -60, 0), 0, (0, 256)),
        ((-60, 0, -60, -29, -60), 0, (64, 256)),  # within 30 dB
        ((-60, 0, -60, -31, -60), 0, (64, 128)),
        ((-60, 0, 0), 60, (64, 132)),  # the last frame has 4 samples
        ((0,), 30, (0, 34)),
    ],
)
def test_trimming_keeps_the_frames_within_its_range_of_the_loudest(levels, cut, kept):
    config = FrameFeatures(sample_rate_hz=RATE_HZ, hop_ms=8.0, trim_db=30.0, mel_high_hz=4_000.0)
    samples = blocks(*levels)
    samples = samples[: len(samples) - cut]
    assert features.trimmed(config, samples) == slice(*kept)
    np.testing.assert_array_equal(features.prepare(config, samples), samples[slice(*kept)])


def test_a_frame_at_the_very_limit_is_cut():
    config = FrameFeatures(sample_rate_hz=RATE_HZ, hop_ms=8.0, trim_db=20.0, mel_high_hz=4_000.0)
    samples = np.repeat(np.array([0.125, 1.25, 0.125], np.float32), 64)  # exactly a tenth
    assert features.trimmed(config, samples) == slice(64, 128)


def test_silence_is_not_trimmed():
    config = FrameFeatures(level="peak")
    silent = np.zeros(1_000, np.float32)
    assert features.trimmed(config, silent) == slice(0, 1_000)
    assert features.prepare(config, silent).tolist() == silent.tolist()


def test_long_clips_are_trimmed_in_parts_with_the_same_result(monkeypatch):
    random = np.random.default_rng(0)
    samples = (random.normal(size=3_000) * np.repeat(10.0 ** random.uniform(-3, 0, 30), 100)).astype(np.float32)
    config = FrameFeatures(sample_rate_hz=RATE_HZ, hop_ms=8.0, trim_db=25.0, mel_high_hz=4_000.0)
    at_once = features.trimmed(config, samples)
    power = np.square(np.pad(samples, (0, 8)).reshape(-1, 64), dtype=np.float64).mean(1)
    loud = np.flatnonzero(power > power.max() / 10**2.5)
    assert at_once == slice(loud[0] * 64, (loud[-1] + 1) * 64)
    monkeypatch.setattr(features, "_TRIM_FRAMES", 3)
    assert features.trimmed(config, samples) == at_once


def test_the_peak_becomes_1_unless_it_is_next_to_nothing():
    config = FrameFeatures(level="peak", trim_db=200.0)
    assert features.prepare(config, np.array([0.1, -0.5, 0.2], np.float32)).tolist() == pytest.approx([0.2, -1, 0.4])
    faint = features.prepare(config, np.array([2e-5, -1e-5], np.float32))
    assert faint.tolist() == pytest.approx([0.2, -0.1])
    kept = features.prepare(FrameFeatures(level="keep", trim_db=200.0), np.array([0.1, -0.5], np.float32))
    assert kept.tolist() == pytest.approx([0.1, -0.5])


@pytest.mark.parametrize(
    ("samples", "sizes"), [(4_000, [4_000]), (4_001, [2_001, 2_000]), (12_001, [3_001] + [3_000] * 3)]
)
def test_windows_are_near_equal_and_as_few_as_the_longest_allows(samples, sizes):
    config = FrameFeatures(sample_rate_hz=RATE_HZ, max_duration_s=0.5, mel_high_hz=4_000.0)
    assert [len(one) for one in features.windows(config, np.zeros(samples, np.float32))] == sizes


@pytest.mark.parametrize(
    ("config", "over_time"),
    [
        (FrameFeatures(), True),
        (VectorFeatures(), False),
        (EncoderFeatures(encoder="whisper_tiny", blocks=(1,)), True),
        (EncoderFeatures(encoder="whisper_tiny", blocks=(1,), pooling="statistics"), False),
    ],
)
def test_frames_and_unpooled_encoders_have_a_time_axis(config, over_time):
    assert features.is_over_time(config) is over_time
