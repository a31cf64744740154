"""WAV and its relatives: the sound is read to its end, whatever sizes the header states, or refused."""

import struct

import numpy as np
import pytest

from tests.encoded import RATE_HZ, decode, encode, voice
from voxjax.audio.io import AudioError, read

SUBTYPES = ["PCM_U8", "PCM_16", "PCM_24", "FLOAT", "DOUBLE", "ULAW", "IMA_ADPCM", "MS_ADPCM", "GSM610", "G721_32"]


def wav(subtype="PCM_16", **how):
    rate_hz = 8_000 if subtype == "GSM610" else RATE_HZ
    return encode(voice(1.0, rate_hz), rate_hz, format="WAV", subtype=subtype, **how)


def with_sizes(data, riff, sound):
    changed, place = bytearray(data), data.index(b"data") + 4
    changed[4:8] = riff.to_bytes(4, "little")
    changed[place : place + 4] = sound.to_bytes(4, "little")
    return bytes(changed)


@pytest.mark.parametrize("subtype", SUBTYPES)
@pytest.mark.parametrize("sound", [0, 0xFFFF_FFFF, 0x7FFF_FFFF])
@pytest.mark.parametrize("riff", [0, 36, 0xFFFF_FFFF])
def test_sizes_that_a_pipe_leaves_do_not_matter(subtype, riff, sound):
    data = wav(subtype)
    np.testing.assert_allclose(decode(with_sizes(data, riff, sound)), decode(data), atol=1e-6)


@pytest.mark.parametrize("subtype", SUBTYPES)
def test_joined_files_are_read_one_after_another(subtype):
    data = wav(subtype)
    assert len(decode(data + data)) == pytest.approx(2 * len(decode(data)), abs=1)


def test_gsm_is_read_in_full():
    assert len(decode(wav("GSM610"))) == RATE_HZ, "and the byte that pads 25 blocks is no block"


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "GSM610"])
@pytest.mark.parametrize(
    "rest", [b"LIST" + struct.pack("<I", 300) + b"INFO" + bytes(296), b"ID3\3" + b"x" * 400, b"TAG" + b"y" * 125,
             b"LIST" + struct.pack("<I", 900) + b"INFO" + b"z" * 200, bytes(4_096)],
    ids=["chunk", "id3v2", "id3v1", "chunk that was cut off", "zeros"],
)  # fmt: skip
def test_what_follows_the_sound_is_left_out(subtype, rest):
    data = wav(subtype)
    np.testing.assert_array_equal(decode(data + rest), decode(data))


def test_a_tag_before_the_sound_is_left_out():
    data = wav()
    np.testing.assert_array_equal(decode(b"ID3\3\0\0\0\0\2\0" + b"t" * 256 + data), decode(data))


@pytest.mark.parametrize("subtype", SUBTYPES)
def test_sound_that_no_chunk_declares_is_an_error(subtype):
    data = wav(subtype)
    with pytest.raises(AudioError, match=r"sound of the declared size, found \d+ bytes after it"):
        decode(with_sizes(data, len(data) - 8, 1_040))


@pytest.mark.parametrize("container", ["WAV", "WAVEX", "RF64", "W64", "AIFF", "AU", "CAF", "NIST"])
def test_a_file_that_was_cut_off_is_an_error(container):
    data = encode(voice(), format=container, subtype="PCM_16")
    assert len(decode(data)) == RATE_HZ
    with pytest.raises(AudioError, match="it was cut off"):
        decode(data[: len(data) // 2])


@pytest.mark.parametrize("container", ["RF64", "W64", "WAVEX"])
def test_long_wave_formats_are_read_and_joined(container):
    samples = voice()
    data = encode(samples, format=container, subtype="PCM_16")
    expected = decode(encode(np.concatenate([samples, samples]), format="WAV", subtype="PCM_16"))
    np.testing.assert_array_equal(decode(data + data), expected)


@pytest.mark.parametrize("container", ["AU", "CAF", "NIST", "AIFF"])
def test_other_joined_files_are_an_error(container):
    data = encode(voice(), format=container, subtype="PCM_16")
    with pytest.raises(AudioError):
        decode(data + data)


def test_big_endian_wav_equals_little_endian():
    samples = voice()
    data = encode(samples, format="WAV", subtype="PCM_16", endian="BIG")
    assert data.startswith(b"RIFX")
    np.testing.assert_array_equal(decode(data), decode(encode(samples, format="WAV", subtype="PCM_16")))


def test_a_wav_of_aac_is_named():
    fmt = struct.pack("<HHIIHHH", 0xFF, 1, RATE_HZ, 4_000, 1, 0, 0)
    body = b"WAVEfmt " + struct.pack("<I", len(fmt)) + fmt + b"data" + struct.pack("<I", 1_000) + bytes(1_000)
    with pytest.raises(AudioError, match="found AAC; convert it: ffmpeg"):
        decode(b"RIFF" + struct.pack("<I", len(body)) + body)


@pytest.mark.parametrize("form", [b"AVI ", b"RMID", b""])
def test_another_form_of_riff_is_an_error(form):
    with pytest.raises(AudioError, match=f"of the form WAVE, found {form.decode().strip()}"):
        decode(b"RIFF\0\1\0\0" + form)


@pytest.mark.parametrize("data", [b"RIFF\0\0\0\0WAVE", b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0" + bytes(16)])
def test_a_wav_without_sound_is_an_error(data):
    with pytest.raises(AudioError, match="no 'data' chunk"):
        decode(data)


def test_the_suffix_does_not_matter(tmp_path):
    path = tmp_path / "speech.mp3"
    path.write_bytes(wav())
    np.testing.assert_array_equal(read(path, RATE_HZ), decode(wav()))
