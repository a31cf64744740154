"""Statistics of another corpus: those of a scaler fitted to it, shrunk for few clips, and nothing without clips."""

import numpy as np
import pytest

from voxjax.audio import corpus_statistics, normalize, speaker_centring

RANDOM = np.random.default_rng(0)
BEFORE = normalize.Scaler(np.array([[1.0, 10.0, 0.0]], np.float32), np.array([[2.0, 3.0, 1.0]], np.float32))
LENGTHS = np.array([5, 2, 7, 7])
FEATURES = RANDOM.normal((4.0, -20.0, 1e4), (0.5, 9.0, 30.0), (4, 7, 3)).astype(np.float32)


def pooled(features, lengths, clips, over_time=1):
    return corpus_statistics.pooled(speaker_centring.window_sums(features, lengths, over_time), clips)


@pytest.mark.parametrize("over_time", [0, 1])
def test_mean_and_variance_move_towards_those_of_a_scaler_fitted_to_the_clips(over_time):
    own = normalize.fit(FEATURES, LENGTHS, over_time)
    rows = own.mean.shape[0]
    before = normalize.Scaler(*(np.repeat(part, rows, axis=0) for part in BEFORE))
    found = corpus_statistics.for_corpus(before, pooled(FEATURES, LENGTHS, 4, over_time))
    part = 4 / 9
    np.testing.assert_allclose(found.mean, (1 - part) * before.mean + part * own.mean, rtol=1e-5)
    varied = own.std != 1.0  # `fit` gives constant channels a deviation of 1; here they keep the one before
    expected = np.sqrt((1 - part) * before.std**2 + part * np.where(varied, own.std, before.std) ** 2)
    np.testing.assert_allclose(found.std, expected, rtol=1e-4)
    assert found.mean.dtype == found.std.dtype == np.float32


def test_many_clips_have_a_mean_of_0_and_a_deviation_of_1():
    sums = pooled(FEATURES, LENGTHS, 4)._replace(clips=10**7)
    scaler = corpus_statistics.for_corpus(BEFORE, sums)
    valid = np.concatenate([FEATURES[i, :n] for i, n in enumerate(LENGTHS)])
    standardised = (valid - scaler.mean) / scaler.std
    np.testing.assert_allclose(standardised.mean(axis=0), 0.0, atol=1e-3)
    np.testing.assert_allclose(standardised.std(axis=0), 1.0, atol=1e-3)


def test_without_clips_the_scaler_is_the_same_object():
    assert corpus_statistics.for_corpus(BEFORE, None) is BEFORE
    assert corpus_statistics.for_corpus(BEFORE, pooled(FEATURES[:0], LENGTHS[:0], 0)) is BEFORE


def test_clips_of_several_chunks_and_windows_are_those_of_one():
    parts = pooled(FEATURES[:1], LENGTHS[:1], 1).plus(pooled(FEATURES[1:], LENGTHS[1:], 2))
    whole = pooled(FEATURES, LENGTHS, 3)  # of which two windows are one clip's
    for one, other in zip(parts, whole, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12)


def test_a_few_far_clips_do_not_inflate_and_constant_channels_keep_their_deviations():
    far = pooled(FEATURES + np.float32(1e5), LENGTHS, 4)
    assert (corpus_statistics.for_corpus(BEFORE, far).std < 30.0).all()
    constant = pooled(np.full((1, 7, 3), -100.0, np.float32), LENGTHS[:1], 1)
    np.testing.assert_array_equal(corpus_statistics.for_corpus(BEFORE, constant).std, BEFORE.std)


def test_the_weight_of_the_clips_is_documented():
    assert [corpus_statistics.weight(n) for n in (0, 5, 15)] == [0.0, 0.5, 0.75]
