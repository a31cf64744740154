"""Containers that libsndfile does not read: the same sound, its time, limits, damage, and no other file."""

import logging
import struct
import subprocess
import sys

import numpy as np
import pytest

from tests.encoded import RATE_HZ, decode, encode, voice, without_mean
from voxjax.audio.decoding import mpeg4
from voxjax.audio.io import AudioError, read
from voxjax.benchmarks.soak.containers import KINDS, contain

RATES_HZ = {"3gp": 8_000, "amr": 8_000, "webm": 48_000, "ac3": 44_100, "flv": 44_100, "avi": 44_100}
LOSSLESS = ("mov", "alac", "mka", "wv", "tta")  # of 16 bits, or of more
DELAYS = {"aac": 1_024, "mts": 1_024, "flv": 1_024, "avi": 1_105, "ac3": 256, "wma": -512, "3gp": -12, "amr": 38}
SPEECH_S = 2.0


def noise(duration_s, rate_hz):
    """Noise below 3 kHz whose loudness changes: what it is late by shows."""
    rng = np.random.default_rng(3)
    spectrum = np.fft.rfft(rng.normal(size=round(duration_s * rate_hz)))
    spectrum[np.fft.rfftfreq(round(duration_s * rate_hz), 1 / rate_hz) > 3_000] = 0
    wide = np.fft.irfft(spectrum)
    return 0.1 * wide / wide.std() * (1 + 0.5 * np.sin(np.linspace(0, 20, len(wide))))


def delay(decoded, samples):
    """By how many samples the first is later than the second."""
    size = len(decoded) + len(samples)
    match = np.fft.irfft(np.fft.rfft(decoded, size) * np.conj(np.fft.rfft(samples, size)), size)
    best = int(np.argmax(match))
    return best if best < len(decoded) else best - size


@pytest.mark.parametrize("kind", KINDS)
def test_sound_keeps_its_length_and_its_time(kind):
    rate_hz = RATES_HZ.get(kind, RATE_HZ)
    samples = noise(SPEECH_S, rate_hz)
    decoded = decode(contain(samples, rate_hz, kind), rate_hz)
    assert abs(delay(decoded, samples) - DELAYS.get(kind, 0)) <= 2
    assert len(samples) - 512 <= len(decoded) <= len(samples) + 2_048
    if kind in LOSSLESS:
        np.testing.assert_allclose(decoded, without_mean(samples), atol=2.0**-15)


@pytest.mark.parametrize("kind", ["mov", "alac", "mka"])
def test_channels_are_kept_apart_until_they_are_mixed(kind):
    """Interleaved or one after the other: the loudest of two that cancel is one channel as it was."""
    one = noise(1.0, RATE_HZ)
    both = np.stack([one, np.roll(one, 500)], axis=1)
    np.testing.assert_allclose(decode(contain(both, RATE_HZ, kind)), without_mean(both.mean(axis=1)), atol=2.0**-14)
    cancelled = np.stack([one, -0.8 * one], axis=1)
    np.testing.assert_allclose(decode(contain(cancelled, RATE_HZ, kind)), without_mean(one), atol=2.0**-14)


@pytest.mark.parametrize("kind", ["mp4", "webm", "avi"])
def test_video_is_left_out(kind):
    rate_hz = RATES_HZ.get(kind, RATE_HZ)
    samples = noise(1.0, rate_hz)
    with_video = decode(contain(samples, rate_hz, "mka" if kind == "webm" else kind, picture=True), rate_hz)
    np.testing.assert_allclose(
        with_video, decode(contain(samples, rate_hz, "mka" if kind == "webm" else kind), rate_hz)
    )


def silent_video():
    return contain(np.zeros(RATE_HZ), RATE_HZ, "mp4", picture=True, streams=0)


def test_a_video_without_sound_is_named():
    with pytest.raises(AudioError, match="expected a file with sound, found none in it"):
        decode(silent_video())


def test_the_first_of_several_streams_is_read_and_the_number_is_logged(caplog):
    samples = noise(1.0, RATE_HZ)
    with caplog.at_level(logging.WARNING, "voxjax"):
        decoded = decode(contain(samples, RATE_HZ, "m4a", streams=2))
    np.testing.assert_array_equal(decoded, decode(contain(samples, RATE_HZ, "m4a")))
    assert [record.getMessage().partition("> ")[2] for record in caplog.records] == [
        "has 2 streams of sound; number 1 is read"
    ]


@pytest.mark.parametrize("kind", ["m4a", "mka", "webm", "wma", "mov"])
def test_a_file_that_was_cut_off_is_an_error(kind):
    rate_hz = RATES_HZ.get(kind, RATE_HZ)
    options = {"movflags": "faststart"} if KINDS[kind][0] in ("ipod", "mov") else None
    data = contain(noise(3.0, rate_hz), rate_hz, kind, options=options)
    assert len(decode(data, rate_hz)) >= 2.9 * rate_hz
    for part in (0.5, 0.8):
        with pytest.raises(AudioError, match=r"it was cut off|damage"):
            decode(data[: int(part * len(data))], rate_hz)


def test_a_recording_whose_index_was_never_written_is_an_error():
    data = contain(noise(1.0, RATE_HZ), RATE_HZ, "m4a")
    with pytest.raises(AudioError, match=r"a whole file of MPEG-4.*found damage"):
        decode(data[: data.index(b"moov") - 4])


def test_damage_between_is_an_error():
    data = bytearray(contain(noise(2.0, RATE_HZ), RATE_HZ, "m4a"))
    middle = data.index(b"mdat") + 6_000
    data[middle : middle + 400] = bytes(range(200)) * 2
    with pytest.raises(AudioError, match="damage"):
        decode(bytes(data))


@pytest.mark.parametrize("codec", [b"enca", b"drms"])
def test_protected_sound_is_refused(codec):
    data = contain(noise(1.0, RATE_HZ), RATE_HZ, "m4a").replace(b"mp4a", codec)
    with pytest.raises(AudioError, match=r"copy-protected|unknown codec"):
        decode(data)


LIMITS = [
    ({"max_duration_s": 1.0}, "at most 0.0166667 minutes"),
    ({"min_rate_hz": 20_000}, "a sample rate from 20000"),
    ({"max_file_bytes": 1_000}, "at most 1000 bytes"),
    ({"max_decoded_bytes": 40_000}, "at most 40000 bytes when decoded"),
    ({"max_channels": 0}, "at most 0 channels"),
    ({"max_decode_s": 0.0}, "decoded within 0 s"),
]


@pytest.mark.parametrize(("limits", "message"), LIMITS, ids=[next(iter(limits)) for limits, _ in LIMITS])
def test_limits_hold(limits, message):
    with pytest.raises(AudioError, match=message):
        decode(contain(noise(2.0, RATE_HZ), RATE_HZ, "m4a"), **limits)


@pytest.mark.parametrize("kind", ["mka", "mp4", "webm"])
def test_time_without_sound_is_silence_and_logged(kind, caplog):
    rate_hz = RATES_HZ.get(kind, RATE_HZ)
    samples = noise(2.0, rate_hz)
    with caplog.at_level(logging.WARNING, "voxjax"):
        decoded = decode(contain(samples, rate_hz, kind, gap_s=1.5), rate_hz)
    assert "no sound from" in caplog.text and "silence is read there" in caplog.text
    assert abs(len(decoded) - 3.5 * rate_hz) < 0.1 * rate_hz
    assert np.abs(decoded[round(1.2 * rate_hz) : round(2.3 * rate_hz)]).max() < 1e-3
    half = len(samples) // 2
    assert abs(delay(decoded[round(2.5 * rate_hz) :], samples[half:])) < 0.1 * rate_hz


def test_a_gap_beyond_the_longest_sound_is_an_error():
    with pytest.raises(AudioError, match=r"at most 1 minutes, found a gap of 99\d\d s in it"):
        decode(contain(noise(2.0, RATE_HZ), RATE_HZ, "mka", gap_s=9_990.0), max_duration_s=60.0)


def test_long_gaps_in_a_short_recording_are_an_error():
    with pytest.raises(AudioError, match=r"without long gaps in its times, found gaps of 69\d s after 1\.0 s of sound"):
        decode(contain(noise(2.0, RATE_HZ), RATE_HZ, "mka", gap_s=690.0))


def test_eight_channels_are_read_within_their_memory():
    """PyAV takes the size of a frame for the place of a ninth channel, and reads there."""
    samples = noise(1.0, RATE_HZ)
    decoded = decode(contain(np.repeat(samples[:, None], 8, axis=1), RATE_HZ, "m4a"))
    assert len(decoded) >= 0.95 * RATE_HZ and np.abs(decoded).max() > 0.3 * np.abs(samples).max()


def test_a_recording_that_begins_late_is_read_from_its_beginning():
    data = contain(noise(1.0, RATE_HZ), RATE_HZ, "mka", options={"output_ts_offset": "2"})
    assert len(decode(data)) == RATE_HZ


PLAYLISTS = ["ffconcat version 1.0\nfile {}\n", "#EXTM3U\n#EXTINF:1,\n{}\n#EXT-X-ENDLIST\n",
             "v=0\no=- 0 0 IN IP4 127.0.0.1\nc=IN IP4 127.0.0.1\nm=audio 5004 RTP/AVP 0\n{}"]  # fmt: skip


@pytest.mark.parametrize("playlist", PLAYLISTS, ids=["concat", "m3u8", "sdp"])
@pytest.mark.parametrize("suffix", [".m4a", ".m3u8", ".mp4"])
def test_a_playlist_opens_no_other_file(tmp_path, playlist, suffix):
    (tmp_path / "secret.m4a").write_bytes(contain(noise(1.0, RATE_HZ), RATE_HZ, "m4a"))
    path = tmp_path / f"list{suffix}"
    path.write_text(playlist.format(tmp_path / "secret.m4a"))
    with pytest.raises(AudioError, match="found text"):
        read(path, RATE_HZ)


def test_sound_that_lies_in_another_file_is_not_read(tmp_path):
    samples = encode(noise(1.0, RATE_HZ), format="WAV", subtype="PCM_16")
    (tmp_path / "secret.wav").write_bytes(samples)
    data = contain(noise(1.0, RATE_HZ), RATE_HZ, "mov")
    other = str(tmp_path / "secret.wav").encode() + b"\0"
    inner = struct.pack(">I4sI", 12 + len(other), b"url ", 0) + other
    dref = struct.pack(">I4sII", 16 + len(inner), b"dref", 0, 1) + inner
    at = data.index(b"dref") - 4
    size = struct.unpack(">I", data[at : at + 4])[0]
    changed = bytearray(data[:at] + dref + data[at + size :])
    for box in (b"moov", b"trak", b"mdia", b"minf", b"dinf"):
        place = changed.index(box) - 4
        changed[place : place + 4] = struct.pack(
            ">I", struct.unpack(">I", changed[place : place + 4])[0] + len(dref) - size
        )
    try:
        found = decode(bytes(changed))
    except AudioError:
        return
    np.testing.assert_array_equal(found, decode(data))  # of this file's own bytes


def test_nothing_is_printed(tmp_path):
    path = tmp_path / "damaged.m4a"
    path.write_bytes(contain(voice(), RATE_HZ, "m4a")[:-400])
    code = f"from voxjax.audio import io\ntry: io.read({str(path)!r}, 16000)\nexcept io.AudioError: print('refused')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "refused\n" and done.stderr == ""


def bombs():
    """Small files whose index declares billions of samples."""
    data = contain(noise(1.0, RATE_HZ), RATE_HZ, "m4a")
    size, chunk, time = (data.index(name) for name in (b"stsz", b"stsc", b"stts"))
    billions = struct.pack(">I", 2_000_000_000)
    one_size = data[: size + 8] + b"\0\0\0\1" + billions + data[size + 16 :]
    one_chunk = data[: chunk + 16] + b"\xff\xff\xff\xff" + data[chunk + 20 :]
    yield one_size
    yield one_chunk[: time + 8] + struct.pack(">III", 1, 17, 1) + one_chunk[time + 20 :]
    fragments = bytearray(
        contain(noise(1.0, RATE_HZ), RATE_HZ, "m4a", options={"movflags": "empty_moov+frag_keyframe"})
    )
    run = fragments.index(b"trun")
    fragments[run + 4 : run + 12] = struct.pack(">I", 0) + billions
    yield bytes(fragments)


@pytest.mark.parametrize("data", list(bombs()), ids=["sizes", "chunks", "fragments"])
def test_an_index_of_billions_is_refused_before_memory_is_taken(data):
    with pytest.raises(AudioError, match="an index of at most 4000000 entries"):
        decode(data)


def test_hours_of_uncompressed_sound_in_quicktime_are_read():
    """Their index declares each value, and FFmpeg makes one entry for many."""
    assert len(decode(contain(np.tile(voice(10.0), 30), RATE_HZ, "mov"))) == 300 * RATE_HZ > mpeg4.MOST_ENTRIES
