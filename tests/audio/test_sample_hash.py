"""The hash of samples: equal for one recording in all lossless formats, at any level."""

import hashlib

import numpy as np
import pytest

from tests.encoded import decode, encode, voice
from voxjax.audio.sample_hash import sample_hash


@pytest.mark.parametrize("peak", [2e-4, 1e-3, 0.1, 0.99])
@pytest.mark.parametrize("rate_hz", [16_000, 44_100])
def test_it_is_equal_in_all_lossless_formats(peak, rate_hz):
    samples = np.round(voice(rate_hz=rate_hz) * peak / 0.35 * 32_768) / 32_768
    kinds = [("WAV", "PCM_16"), ("WAV", "PCM_24"), ("WAV", "FLOAT"), ("FLAC", "PCM_16"), ("FLAC", "PCM_24")]
    hashes = {sample_hash(decode(encode(samples, rate_hz, format=one, subtype=two))) for one, two in kinds}
    assert len(hashes) == 1


@pytest.mark.parametrize("peak", [2e-4, 0.3, 1.5, 6.0])
def test_other_recordings_have_other_hashes_at_any_level(peak):
    clips = [voice(seed=seed).astype(np.float32) for seed in range(20)]
    assert len({sample_hash(clip * np.float32(peak / np.abs(clip).max())) for clip in clips}) == 20


def test_quiet_clips_that_16_bits_would_not_tell_apart_differ():
    first = np.resize(np.float32([1.0e-5, -1.0e-5]), 8_000)
    assert sample_hash(first) != sample_hash(first * np.float32(1.5))


def test_peaks_above_full_scale_count():
    clip = voice().astype(np.float32)
    clip[9] = 1.5
    lower = clip.copy()
    lower[9] = 1.2
    assert sample_hash(clip) != sample_hash(lower)


def test_it_is_that_of_16_bit_integers_at_common_levels():
    clip = voice().astype(np.float32)
    expected = hashlib.sha256(np.round(clip * np.float32(32_767)).astype("<i2").tobytes()).hexdigest()
    assert sample_hash(clip) == expected
