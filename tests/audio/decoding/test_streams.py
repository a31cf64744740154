"""FLAC and Ogg: streams of unknown length, joined and chained ones, and damage."""

import struct

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


APE = b"APETAGEX" + struct.pack("<IIII", 2_000, 332, 1, 0) + bytes(8)
TAGS = {
    "ID3v1": b"TAG" + b"t" * 125,
    "zeros": bytes(4_096),
    "APE": b"x" * 300 + APE,
    "ID3v2": b"ID3\4\0\x10\0\0\1\0" + b"y" * 128 + b"3DI\4\0\x10\0\0\1\0",
}


@pytest.mark.parametrize("name", TAGS)
@pytest.mark.parametrize("total", [None, 0])
def test_tags_after_a_flac_are_left_out(name, total):
    data = flac(voice(), total)
    np.testing.assert_array_equal(decode(data + TAGS[name]), decode(data))
    np.testing.assert_array_equal(decode(data + TAGS[name] + data + TAGS["ID3v1"]), decode(data + data))


def test_tags_before_a_sound_are_left_out():
    data = flac(voice())
    assert len(decode(TAGS["ID3v2"] + data)) == RATE_HZ
    longer_than_the_file = b"ID3\3\0\0\x7f\x7f\x7f\x7f"
    mp3 = encode(voice(), format="MP3")
    np.testing.assert_array_equal(decode(longer_than_the_file + mp3), decode(mp3))


def placeholders():
    """Files of containers with 64-bit or other sizes, with what pipes leave in place of the size."""
    au, caf, w64, rf64 = (encode(voice(), format=one, subtype="PCM_16") for one in ("AU", "CAF", "W64", "RF64"))
    in_caf, in_w64, in_rf64 = caf.index(b"data") + 4, w64.index(b"data") + 16, rf64.index(b"ds64") + 16
    yield from (au[:8] + size + au[12:] for size in (bytes(4), b"\xff" * 4))
    yield caf[:in_caf] + b"\xff" * 8 + caf[in_caf + 8 :]
    for size in (0, 24, 2**63 - 1, 2**64 - 1):
        yield w64[:in_w64] + size.to_bytes(8, "little") + w64[in_w64 + 8 :]
    for size in (0, 2**64 - 1):
        yield rf64[:in_rf64] + size.to_bytes(8, "little") + rf64[in_rf64 + 8 :]


@pytest.mark.parametrize("data", list(placeholders()), ids=range(9))
def test_placeholders_of_other_containers_do_not_matter(data):
    np.testing.assert_array_equal(decode(data), decode(encode(voice(), format="WAV", subtype="PCM_16")))
