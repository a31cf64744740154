"""MP3: every frame is read, whatever its header states, in files of their own and in WAV."""

import struct

import numpy as np
import pytest

from tests.encoded import RATE_HZ, decode, encode, voice
from voxjax.audio.decoding import mpeg
from voxjax.audio.io import AudioError

KINDS = [(16_000, 1), (44_100, 2), (48_000, 1), (22_050, 2), (8_000, 1)]
ID3 = b"ID3\3\0\0\0\0\x10\0" + b"\xff\xfb\x90\x00" + bytes(2_044)  # with what looks like a frame inside


def mp3(rate_hz=RATE_HZ, channels=1, mode="VARIABLE", duration_s=2.0):
    samples = voice(duration_s, rate_hz)
    samples[len(samples) // 3 : len(samples) // 2] *= 1e-3  # so that bit rates differ
    columns = np.repeat(samples[:, None], channels, 1)
    return encode(columns, rate_hz, format="MP3", bitrate_mode=mode, compression_level=0.5)


def without_xing(data):
    return data[mpeg._frame(data[:4]).size :]


def aligned(samples, expected):
    """The smallest difference between two signals of which one starts later."""
    count = min(len(samples), len(expected)) - 2_400
    return min(np.abs(samples[i : i + count] - expected[:count]).max() for i in range(2_400))


@pytest.mark.parametrize(("rate_hz", "channels"), KINDS)
@pytest.mark.parametrize("mode", ["VARIABLE", "CONSTANT"])
def test_an_mp3_without_a_xing_header_is_read_in_full(rate_hz, channels, mode):
    whole = decode(mp3(rate_hz, channels, mode))
    read = decode(without_xing(mp3(rate_hz, channels, mode)))
    assert len(whole) == 2 * RATE_HZ
    assert 0 <= len(read) - len(whole) < 2 * 1_152 / rate_hz * RATE_HZ + 1_105  # the codec's own padding
    if rate_hz == RATE_HZ:
        assert aligned(read, whole) < 1e-4


@pytest.mark.parametrize(("rate_hz", "channels"), KINDS)
def test_joined_mp3s_are_read_one_after_another(rate_hz, channels):
    data = mp3(rate_hz, channels)
    assert len(decode(data + data)) == 4 * RATE_HZ
    assert len(decode(ID3 + data + b"TAG" + bytes(125) + ID3 + data)) == 4 * RATE_HZ
    assert len(decode(without_xing(data) * 2)) == pytest.approx(4 * RATE_HZ, rel=0.07)


@pytest.mark.parametrize("stated", [1, 5, 40])
def test_a_xing_header_that_states_too_few_frames_does_not_matter(stated):
    data = bytearray(mp3())
    place = max(data.find(b"Xing"), data.find(b"Info")) + 8
    data[place : place + 4] = stated.to_bytes(4)
    assert 2 * RATE_HZ <= len(decode(bytes(data))) < 2.2 * RATE_HZ


@pytest.mark.parametrize("stated", [200, 2**31, 2**32 - 1])
def test_an_mp3_with_fewer_frames_than_stated_is_an_error(stated):
    data = bytearray(mp3())
    place = max(data.find(b"Xing"), data.find(b"Info")) + 8
    data[place : place + 4] = stated.to_bytes(4)
    with pytest.raises(AudioError, match=f"expected {stated} frames, found .* it was cut off"):
        decode(bytes(data))


def test_an_mp3_that_was_cut_off_is_an_error():
    with pytest.raises(AudioError, match="it was cut off"):
        decode(mp3()[:3_000])


def in_wav(data, extensible=False):
    tag = 0x55
    fmt = struct.pack("<HHIIHH", tag, 1, RATE_HZ, 4_000, 1, 0) + struct.pack("<HHIHHH", 12, 1, 2, 144, 1, 1_105)
    if extensible:
        guid = struct.pack("<HHH", tag, 0, 0x10) + b"\x80\0\0\xaa\0\x38\x9b\x71"
        fmt = struct.pack("<HHIIHHHHI", 0xFFFE, 1, RATE_HZ, 4_000, 1, 0, 22, 0, 4) + b"\0\0" + guid
        fmt = fmt[:24] + guid + bytes(2)
    body = b"WAVEfmt " + struct.pack("<I", len(fmt)) + fmt + b"fact\4\0\0\0" + struct.pack("<I", 7)
    body += b"data" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", len(body)) + body


@pytest.mark.parametrize("extensible", [False, True])
@pytest.mark.parametrize("change", [lambda data: data, without_xing])
def test_an_mp3_in_a_wav_equals_the_mp3(change, extensible):
    data = change(mp3())
    np.testing.assert_array_equal(decode(in_wav(data, extensible)), decode(data))


def test_bytes_before_the_first_frame_are_left_out():
    data = without_xing(mp3())
    np.testing.assert_array_equal(decode(bytes(700) + data), decode(data))


def test_joined_mp3s_of_two_rates_are_an_error():
    with pytest.raises(AudioError, match="one sample rate, found 44100 Hz, then 16000 Hz"):
        decode(mp3(44_100) + mp3(16_000))
