"""Reading real files of every format, and one clear error for each kind of bad file."""

import io as stdio

import numpy as np
import pytest
import soundfile

from voxjax.audio import io

RATE = 16_000


def tone(rate, seconds=0.5, hz=440.0):
    return 0.5 * np.sin(2 * np.pi * hz * np.arange(int(rate * seconds)) / rate)


FORMATS = [
    ("a.wav", 48_000, 2, "PCM_16"),
    ("b.wav", 44_100, 1, "PCM_24"),
    ("c.wav", 8_000, 1, "FLOAT"),
    ("d.flac", 22_050, 2, "PCM_24"),
    ("e.ogg", 48_000, 1, "VORBIS"),
    ("f.mp3", 44_100, 2, "MPEG_LAYER_III"),
    ("g.wav", 16_000, 6, "PCM_16"),
]


@pytest.mark.parametrize(("name", "rate", "channels", "subtype"), FORMATS)
def test_any_format_rate_and_channels_give_the_same_tone(tmp_path, name, rate, channels, subtype):
    path = tmp_path / name
    soundfile.write(path, np.repeat(tone(rate)[:, None], channels, 1), rate, subtype=subtype)
    samples = io.read(path, RATE)
    assert samples.dtype == np.float32 and samples.ndim == 1
    assert abs(len(samples) / RATE - 0.5) < 0.08  # codecs pad
    middle = samples[2_000:6_000]
    assert np.sqrt(np.mean(middle**2)) == pytest.approx(0.5 / np.sqrt(2), rel=0.03)
    spectrum = np.abs(np.fft.rfft(middle))
    assert np.argmax(spectrum) * RATE / 4_000 == pytest.approx(440, abs=5)


def test_path_file_object_and_samples_agree(tmp_path):
    path = tmp_path / "a.wav"
    soundfile.write(path, tone(RATE), RATE, subtype="PCM_16")
    from_path = io.read(str(path), RATE)
    np.testing.assert_array_equal(io.read(stdio.BytesIO(path.read_bytes()), RATE), from_path)
    integers = soundfile.read(path, dtype="int16")[0]
    np.testing.assert_allclose(io.read((integers, RATE), RATE), from_path, atol=1e-6)


def test_channels_are_averaged():
    left, right = tone(RATE), tone(RATE, hz=1_000)
    samples = io.read((np.stack([left, right], 1), RATE), RATE)
    np.testing.assert_allclose(samples, (left + right) / 2, atol=1e-6)


def bad_files(folder):
    good = tone(RATE)
    soundfile.write(folder / "silent.wav", np.zeros(RATE), RATE)
    soundfile.write(folder / "short.wav", good[:800], RATE)
    soundfile.write(folder / "nan.wav", np.where(np.arange(8_000) == 5, np.nan, good), RATE, subtype="FLOAT")
    soundfile.write(folder / "whole.flac", good, RATE)
    (folder / "empty.wav").write_bytes(b"")
    (folder / "text.wav").write_text("this is not a sound")
    (folder / "cut.flac").write_bytes((folder / "whole.flac").read_bytes()[:4_000])
    soundfile.write(folder / "whole.wav", good, RATE)
    (folder / "cut.wav").write_bytes((folder / "whole.wav").read_bytes()[:8_000])
    (folder / "folder.wav").mkdir()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("silent.wav", "found silence"),
        ("short.wav", "at least 0.1 s, found 0.050 s"),
        ("nan.wav", "NaN"),
        ("empty.wav", "an empty file"),
        ("text.wav", "found text"),
        ("cut.flac", "cut.flac"),
        ("cut.wav", "16000 bytes of sound, found 7956 of them, it was cut off"),
        ("folder.wav", "a folder"),
        ("missing.wav", "no such file"),
    ],
)
def test_the_error_of_a_bad_file_names_it(tmp_path, name, message):
    bad_files(tmp_path)
    with pytest.raises(io.AudioError, match=message) as caught:
        io.read(tmp_path / name, RATE)
    assert name in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("declared", [b"\xff\xff\xff\xff", b"\xff\xff\xff\x7f", b"\x00\xf0\xff\x7f"])
def test_a_wav_from_a_pipe_without_known_sizes_is_read_completely(tmp_path, declared):
    path = tmp_path / "a.wav"
    soundfile.write(path, tone(RATE), RATE)
    data = bytearray(path.read_bytes())
    place = data.index(b"data") + 4
    data[4:8] = data[place : place + 4] = declared
    np.testing.assert_array_equal(io.read(stdio.BytesIO(bytes(data)), RATE), io.read(path, RATE))


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int32])
def test_integers_are_read_at_full_scale(dtype):
    scale = 2.0 ** (8 * np.dtype(dtype).itemsize - 1)
    samples = (tone(RATE) * (scale - 1) + (scale if dtype is np.uint8 else 0)).astype(dtype)
    np.testing.assert_allclose(io.read((samples, RATE), RATE), tone(RATE), atol=2 / scale + 1e-6)


@pytest.mark.parametrize(
    ("samples", "rate"),
    [([], RATE), (np.zeros((RATE, 0)), RATE), (np.zeros((2, 2, 2)), RATE), (np.full(RATE, "a"), RATE),
     (np.ones(RATE), 0), (np.ones(RATE), float("nan")), (np.ones(RATE), "16000")],
)  # fmt: skip
def test_samples_that_are_not_audio_are_errors(samples, rate):
    with pytest.raises(io.AudioError, match="the samples: expected"):
        io.read((samples, rate), RATE)
