"""Streams hold the samples that `audio.io.read` gives, block by block, whatever the container and the rate."""

import io
import tracemalloc

import numpy as np
import pytest
import soundfile

from tests import encoded
from voxjax.audio import io as audio
from voxjax.audio.io import AudioError
from voxjax.audio.limits import AudioLimits
from voxjax.inference import streaming

RATE_HZ = 16_000


def streamed(source, **how):
    with streaming.opened(source, RATE_HZ, **how) as tracks:
        return [np.concatenate(list(track.blocks())) for track in tracks]


def voices(channels, duration_s, rate_hz):
    return np.stack([encoded.voice(duration_s, rate_hz, seed) for seed in range(channels)], axis=1)


@pytest.mark.parametrize(
    ("rate_hz", "channels", "how"),
    [
        (16_000, 1, {"format": "WAV"}),
        (44_100, 2, {"format": "WAV", "subtype": "FLOAT"}),
        (22_050, 3, {"format": "FLAC"}),
        (48_000, 2, {"format": "OGG"}),
        (44_100, 1, {"format": "MP3"}),
        (8_000, 1, {"format": "WAV", "subtype": "ULAW"}),
        (11_025, 1, {"format": "AIFF"}),
    ],
)
def test_a_stream_equals_what_is_read_at_once(rate_hz, channels, how):
    """Longer than several blocks of the decoder, and with a constant offset."""
    data = encoded.encode(0.5 * voices(channels, 14.0, rate_hz) + 0.05, rate_hz, **how)
    [samples] = streamed(io.BytesIO(data))
    expected = audio.read(io.BytesIO(data), RATE_HZ)
    assert samples.shape == expected.shape
    np.testing.assert_allclose(samples, expected, atol=1e-6)


def test_channels_that_cancel_are_answered_by_the_loudest():
    voice = encoded.voice(2.0, RATE_HZ)
    both = np.stack([0.5 * voice, -voice], axis=1)
    [samples] = streamed((both, RATE_HZ))
    np.testing.assert_allclose(samples, audio.read((both, RATE_HZ), RATE_HZ), atol=1e-6)
    assert np.abs(samples).max() > 0.2


def test_an_array_and_a_path_are_read_too(tmp_path):
    voice = encoded.voice(1.0, 24_000)
    soundfile.write(tmp_path / "a.wav", voice, 24_000, subtype="FLOAT")
    [from_array], [from_path] = streamed((voice, 24_000)), streamed(tmp_path / "a.wav")
    np.testing.assert_allclose(from_array, from_path, atol=1e-6)
    np.testing.assert_allclose(from_path, audio.read(tmp_path / "a.wav", RATE_HZ), atol=1e-6)


def test_separate_channels_are_tracks_of_their_own():
    both = 0.5 * voices(2, 1.5, 22_050) + np.array([0.1, -0.1])
    with streaming.opened((both, 22_050), RATE_HZ, separate=True) as tracks:
        assert [track.speaker for track in tracks] == ["channel 1", "channel 2"]
        assert [track.duration_s for track in tracks] == [1.5, 1.5]
        found = [np.concatenate(list(track.blocks())) for track in tracks]
    for i in (0, 1):
        np.testing.assert_allclose(found[i], audio.read((both[:, i], 22_050), RATE_HZ), atol=1e-6)


def test_silence_is_an_error_after_the_last_block():
    with streaming.opened((np.zeros(RATE_HZ), RATE_HZ), RATE_HZ) as [track]:
        blocks = track.blocks()
        assert len(next(blocks)) == RATE_HZ
        with pytest.raises(AudioError, match="silence"):
            next(blocks)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (io.BytesIO(b"no sound"), "text"),
        ((np.zeros(100), RATE_HZ), "at least 0.1 s"),
        ((np.full(RATE_HZ, np.nan), RATE_HZ), "finite"),
        (("no file.wav"), "no such file"),
    ],
)
def test_what_is_no_sound_is_an_error_at_once(source, words):
    with pytest.raises(AudioError, match=words), streaming.opened(source, RATE_HZ):
        pass


def test_the_limit_on_the_duration_holds():
    voice = encoded.voice(3.0, RATE_HZ)
    with pytest.raises(AudioError, match=r"at most 0\.0333333 minutes"):
        streamed((voice, RATE_HZ), limits=AudioLimits(max_duration_s=2.0))


def test_memory_does_not_grow_with_the_duration(tmp_path):
    peaks = []
    for minutes in (1, 4):
        with soundfile.SoundFile(tmp_path / "long.wav", "w", 32_000, 1, "PCM_16") as file:
            for _ in range(minutes):
                file.write(encoded.voice(60.0, 32_000))
        tracemalloc.start()
        with streaming.opened(tmp_path / "long.wav", RATE_HZ) as [track]:
            count = sum(len(block) for block in track.blocks())
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert count == minutes * 60 * RATE_HZ
    assert peaks[1] < 1.2 * peaks[0]
