"""The scaler is fitted to valid frames only."""

import jax.numpy as jnp
import numpy as np
import pytest

from voxjax.audio import normalize
from voxjax.config import EncoderFeatures, FrameFeatures


def rows():
    random = np.random.default_rng(0)
    features = random.normal(3.0, 2.0, (6, 10, 4)).astype(np.float32)
    lengths = np.array([10, 7, 3, 10, 1, 5])
    return features, lengths


def applied(config, scaler, features, mask):
    return np.asarray(normalize.apply(config, scaler, jnp.asarray(features), jnp.asarray(mask)))


def test_statistics_are_of_valid_frames():
    features, lengths = rows()
    valid = np.concatenate([clip[:n] for clip, n in zip(features, lengths, strict=True)])
    features[np.arange(10)[None, :] >= lengths[:, None]] = 1e6
    scaler = normalize.fit(features, lengths, 1)
    np.testing.assert_allclose(scaler.mean[0], valid.mean(0), rtol=1e-5)
    np.testing.assert_allclose(scaler.std[0], valid.std(0), rtol=1e-5)


@pytest.mark.parametrize("over_time", [0, 1])
def test_blocks_of_channels_have_the_same_bits(monkeypatch, over_time):
    """Of any number of channels: never is one summed alone, in another order."""
    features = np.random.default_rng(2).normal(100.0, 0.01, (300, 9, 7)).astype(np.float32)
    lengths = np.random.default_rng(3).integers(0, 10, 300)
    whole = normalize.fit(features, lengths, over_time)
    for block in (1, 6_000):
        monkeypatch.setattr(normalize, "_BLOCK", block)
        for one, other in zip(normalize.fit(features, lengths, over_time), whole, strict=True):
            np.testing.assert_array_equal(one, other)


def test_applied_to_its_own_clips_gives_zero_mean_unit_deviation_and_zero_padding():
    features, lengths = rows()
    mask = np.arange(10)[None, :] < lengths[:, None]
    scaled = applied(FrameFeatures(mels=4), normalize.fit(features, lengths, 1), features, mask)
    np.testing.assert_allclose(scaled[mask].mean(0), 0, atol=1e-5)
    np.testing.assert_allclose(scaled[mask].std(0), 1, atol=1e-5)
    assert not scaled[~mask].any()


def test_centring_by_clip_removes_the_mean_spectrum_and_keeps_the_level():
    random = np.random.default_rng(1)
    config = FrameFeatures(mels=3, mfcc=2, channels=("energy", "logmel", "pitch", "mfcc"), centre="clip")
    features = random.normal(0.0, 1.0, (5, 10, 8)).astype(np.float32)
    lengths = np.array([10, 7, 3, 10, 1])
    mask = np.arange(10)[None, :] < lengths[:, None]
    scaler = normalize.fit(features, lengths, 1)
    coloured = features + random.normal(0.0, 9.0, (5, 1, 8)).astype(np.float32)  # each clip with another microphone
    scaled, other = (applied(config, scaler, x, mask) for x in (features, coloured))
    spectrum = [1, 2, 3, 6, 7]
    np.testing.assert_allclose(scaled[..., spectrum], other[..., spectrum], atol=1e-4)
    for clip, n in zip(scaled, lengths, strict=True):
        np.testing.assert_allclose(clip[:n, spectrum].mean(0), 0, atol=1e-5)
        assert not clip[n:].any()
    plain = applied(FrameFeatures(), scaler, features, mask)
    np.testing.assert_array_equal(scaled[..., [0, 4, 5]], plain[..., [0, 4, 5]])
    assert not np.allclose(scaled[0, :, 1], plain[0, :, 1])


def test_centring_by_clip_removes_the_mean_of_all_encoder_channels():
    features, lengths = rows()
    mask = np.arange(10)[None, :] < lengths[:, None]
    config = EncoderFeatures(encoder="any", blocks=(1, 2), centre="clip")
    scaled = applied(config, normalize.fit(features, lengths, 1), features, mask)
    np.testing.assert_allclose(scaled.sum(1), 0, atol=1e-4)
    assert not scaled[~mask].any()


def test_vector_features_have_statistics_per_position():
    features, _ = rows()
    scaler = normalize.fit(features[..., :1], np.full(6, 10), 0)
    np.testing.assert_allclose(scaler.mean, features[..., :1].mean(0), rtol=1e-5)


def test_constant_channel_stays_finite():
    scaler = normalize.fit(np.full((3, 4, 2), 7.0, np.float32), np.full(3, 4), 1)
    np.testing.assert_array_equal(scaler.std, 1)
