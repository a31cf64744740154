"""Centring by speaker: equal to a computation by hand, nothing without clips, and a planted offset is removed."""

import numpy as np
import pytest

from voxjax.audio import normalize, speaker_centring
from voxjax.config import EncoderFeatures, FrameFeatures, VectorFeatures

SCALER = normalize.Scaler(np.array([[1.0, 10.0]], np.float32), np.array([[2.0, 3.0]], np.float32))


def means_of(features, lengths, clip_index, over_time=1):
    return speaker_centring.window_sums(features, lengths, over_time).clip_means(clip_index)


def test_the_shift_equals_a_computation_by_hand():
    """Three clips with means 2, 4, 9 and 10, 10, 40: their mean is 5 and 20, of which 3 / (3 + 2) counts."""
    features = np.array([[[1, 10], [3, 10]], [[4, 10], [99, 99]], [[8, 40], [10, 40]]], np.float32)
    means = means_of(features, np.array([2, 1, 2]), np.arange(3))
    np.testing.assert_allclose(means, [[[2, 10]], [[4, 10]], [[9, 40]]])
    own = speaker_centring.for_person(SCALER, means)
    np.testing.assert_allclose(own.mean, [[1 + 0.6 * 4, 10 + 0.6 * 10]], rtol=1e-6)
    assert own.std is SCALER.std and own.mean.dtype == np.float32


def test_without_clips_the_scaler_is_the_same_object():
    assert speaker_centring.for_person(SCALER, np.zeros((0, 1, 2))) is SCALER


def test_a_clip_of_several_windows_weighs_as_one():
    features = np.array([[[2.0]], [[4.0]], [[9.0]]], np.float32)
    means = means_of(features, np.ones(3, int), np.array([0, 0, 1]))
    np.testing.assert_allclose(means, [[[3.0]], [[9.0]]])


def test_features_with_positions_of_their_own_are_centred_position_by_position():
    features = np.array([[[1.0], [5.0]], [[3.0], [7.0]]], np.float32)
    np.testing.assert_allclose(means_of(features, np.array([2, 2]), np.arange(2), 0), features)


def test_a_planted_offset_of_a_speaker_is_removed():
    """Up to what the shrinkage leaves: 2 / (n + 2) of it."""
    random = np.random.default_rng(0)
    clean = random.normal(size=(40, 1, 6))
    offset = np.full((1, 6), 50.0)
    scaler = normalize.Scaler(clean.mean(0), clean.std(0))
    means = means_of((clean + offset).astype(np.float32), np.ones(40, int), np.arange(40))
    own = speaker_centring.for_person(scaler, means)
    left = (clean + offset - own.mean) - (clean - scaler.mean)
    np.testing.assert_allclose(left, offset * 2 / 42 * np.ones_like(left), atol=1e-3)


def test_offsets_of_training_speakers_are_0_for_the_rest():
    means = np.array([[[3.0, 10.0]], [[5.0, 10.0]], [[1.0, 40.0]]])
    offsets = speaker_centring.training_offsets(SCALER, means, np.array([2, 2, 0]), 4)
    np.testing.assert_allclose(offsets[:, 0], [[0, 10], [0, 0], [1.5, 0], [0, 0]], rtol=1e-6)


@pytest.mark.parametrize(
    ("config", "by_speaker", "effect"),
    [
        (FrameFeatures(centre="speaker"), True, True),
        (FrameFeatures(centre="clip"), False, False),
        (EncoderFeatures(encoder="whisper_tiny_en", blocks=(1,), centre="none"), False, False),
        (EncoderFeatures(encoder="whisper_tiny_en", blocks=(1,)), False, True),
        (VectorFeatures(), False, True),
    ],
)
def test_which_features_a_persons_mean_changes(config, by_speaker, effect):
    assert speaker_centring.is_by_speaker(config) is by_speaker
    assert speaker_centring.has_effect(config) is effect
