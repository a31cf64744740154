"""FLAC and Ogg: streams of unknown length, joined and chained ones, and damage."""

import numpy as np
import pytest

from tests.encoded import RATE_HZ, decode, encode, voice
from voxjax.audio.decoding import ogg
from voxjax.audio.io import AudioError


def flac(samples, total=None):
    """A FLAC file that states this number of samples; None is the right one."""
    data = bytearray(encode(samples, format="FLAC", subtype="PCM_16"))
    if total is not None:
        data[21] = data[21] & 0xF0 | total >> 32
        data[22:26] = (total & 0xFFFF_FFFF).to_bytes(4)
    return bytes(data)


@pytest.mark.parametrize("total", [0, 1, 4_000, RATE_HZ])
def test_a_flac_is_read_to_its_end(total):
    samples = voice()
    np.testing.assert_array_equal(decode(flac(samples, total)), decode(flac(samples)))


@pytest.mark.parametrize("total", [RATE_HZ + 1, 2**36 - 1])
def test_a_flac_with_fewer_samples_than_stated_is_an_error(total):
    with pytest.raises(AudioError, match=f"expected {total} samples, found {RATE_HZ} of them, it was cut off"):
        decode(flac(voice(), total))


@pytest.mark.parametrize("total", [None, 0])
def test_joined_flacs_are_read_one_after_another(total):
    first, second = voice(seed=1), voice(0.5, seed=2)
    expected = decode(flac(np.concatenate([first, second])))
    np.testing.assert_array_equal(decode(flac(first, total) + flac(second, total)), expected)


@pytest.mark.parametrize("total", [None, 0])
def test_a_flac_that_was_cut_off_or_damaged_is_an_error(total):
    data = flac(voice(), total)
    damaged = bytearray(data)
    damaged[len(data) // 2] ^= 0xFF
    for bad in (data[: len(data) // 2], bytes(damaged)):
        with pytest.raises(AudioError):
            decode(bad)


OGG = [("VORBIS", 16_000), ("VORBIS", 44_100), ("OPUS", 48_000)]


def vorbis(subtype, rate_hz, duration_s=2.0):
    return encode(voice(duration_s, rate_hz), rate_hz, format="OGG", subtype=subtype)


@pytest.mark.parametrize(("subtype", "rate_hz"), OGG)
def test_chained_streams_are_read_one_after_another(subtype, rate_hz):
    data, other = vorbis(subtype, rate_hz), vorbis(subtype, rate_hz, 1.0)
    assert len(decode(data)) == 2 * RATE_HZ
    assert len(decode(data + data)) == 4 * RATE_HZ
    assert len(decode(data + other + data)) == 5 * RATE_HZ


@pytest.mark.parametrize(("subtype", "rate_hz"), OGG)
def test_damage_in_ogg_is_an_error(subtype, rate_hz):
    data = vorbis(subtype, rate_hz)
    changed = bytearray(data)
    changed[len(data) // 2] ^= 0xFF
    pages = [i for i in range(len(data)) if data.startswith(b"OggS", i)]
    missing = data[: pages[-2]] + data[pages[-1] :]
    for bad, message in ((data[:-5], "in place of"), (bytes(changed), "checksum"), (missing, "page .* after page")):
        with pytest.raises(AudioError, match=message):
            decode(bad)


def test_checksum_equals_the_one_in_the_pages():
    data = vorbis("VORBIS", 16_000)
    assert ogg._checksum(b"") == 0
    end = 27 + data[26] + sum(data[27 : 27 + data[26]])
    assert ogg._checksum(data[:22] + bytes(4) + data[26:end]) == int.from_bytes(data[22:26], "little")


def test_a_tag_after_ogg_is_left_out():
    data = vorbis("VORBIS", 16_000)
    np.testing.assert_array_equal(decode(data + b"TAG" + bytes(125)), decode(data))
