"""From channels to one signal: what is kept, removed and refused."""

import numpy as np
import pytest
import soxr

from tests.encoded import RATE_HZ, decode, encode, voice, without_mean
from voxjax.audio import io
from voxjax.audio.io import AudioError, AudioLimits


def read(samples, rate=RATE_HZ, **limits):
    return io.read((samples, rate), RATE_HZ, AudioLimits(**limits))


@pytest.mark.parametrize("offset", [0.005, -0.3, 0.9])
@pytest.mark.parametrize("subtype", ["FLOAT", "PCM_24"])
def test_a_constant_offset_is_removed_and_the_level_kept(offset, subtype):
    samples = 0.1 * without_mean(voice())
    read_plain, read_moved = (
        decode(encode(one, format="WAV", subtype=subtype)) for one in (samples, samples + np.float32(offset))
    )
    np.testing.assert_allclose(read_moved, read_plain, atol=3e-7)
    np.testing.assert_allclose(read_plain, samples, atol=3e-7)


@pytest.mark.parametrize("peak", [3e-4, 0.5, 1.5, 7.9])
def test_the_level_is_kept_without_clipping(peak):
    samples = voice()
    samples *= peak / np.abs(samples).max()
    samples = without_mean(samples)
    np.testing.assert_allclose(decode(encode(samples, format="WAV", subtype="FLOAT")), samples, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("noise", [0.0, 2e-5])
@pytest.mark.parametrize("offset", [0.05, -1.0, 0.0])
def test_an_offset_without_sound_is_silence(offset, noise):
    samples = offset + noise * np.random.default_rng(0).uniform(-1, 1, RATE_HZ)
    with pytest.raises(AudioError, match="speech, found silence"):
        read(samples)


STEP = np.where(np.arange(RATE_HZ) < 1_000, 0.0, 0.05)
CLICK = np.where(np.arange(RATE_HZ) == 1_000, 0.5, 0.0)


@pytest.mark.parametrize("samples", [STEP, CLICK, STEP[::-1]])
@pytest.mark.parametrize("rate_hz", [16_000, 44_100])
def test_steps_of_an_offset_and_clicks_are_silence(samples, rate_hz):
    with pytest.raises(AudioError, match="speech, found silence"):
        read(samples, rate_hz)


def test_short_and_quiet_sounds_are_read():
    samples = np.zeros(RATE_HZ)
    samples[5_000:6_000] = 2e-4 * np.sin(np.arange(1_000))
    assert len(read(samples)) == RATE_HZ


@pytest.mark.parametrize("rate_hz", [4_000, 11_025, 44_100, 192_000, 768_000])
def test_resampling_equals_soxr_at_any_length(rate_hz):
    for count in (rate_hz // 8, rate_hz // 8 + 1, rate_hz // 3 + 7, 2**18 + 1):
        samples = without_mean(np.random.default_rng(count).normal(0.0, 0.1, count))
        expected = soxr.resample(without_mean(samples), rate_hz, RATE_HZ)
        np.testing.assert_allclose(read(samples, rate_hz), expected, atol=1e-7)


def test_sound_that_resampling_takes_away_is_silence():
    ultrasound = 0.5 * np.sin(2 * np.pi * 30_000 * np.arange(96_000) / 96_000) * np.hanning(96_000)
    with pytest.raises(AudioError, match="silence"):
        read(ultrasound, 96_000)


SPEECH = voice()
HISS = 1e-3 * np.random.default_rng(1).normal(size=RATE_HZ)
CANCEL = {
    "negative": [SPEECH, -SPEECH],
    "negative and hiss": [SPEECH, HISS - SPEECH],
    "quieter negative": [SPEECH, -0.8 * SPEECH],
    "negative with other offsets": [SPEECH + 0.2, 0.1 - SPEECH],
    "negative and much noise": [SPEECH + 60 * HISS, 60 * HISS - SPEECH],
    "half the negative": [SPEECH, -0.5 * SPEECH],
    "two pairs": [SPEECH, -SPEECH, 0.1 * HISS, HISS],
}


@pytest.mark.parametrize("name", CANCEL)
def test_where_channels_cancel_the_loudest_is_read(name):
    channels = np.stack(CANCEL[name], 1)
    samples = read(channels)
    np.testing.assert_allclose(samples, without_mean(channels[:, 0]), atol=1e-6)
    from_file = decode(encode(channels, format="WAV", subtype="FLOAT"))
    np.testing.assert_allclose(from_file, samples, atol=1e-6)


@pytest.mark.parametrize("rest", [[HISS], [np.zeros(RATE_HZ)] * 5, [0.5 * voice(seed=3)], [-0.2 * SPEECH]])
def test_other_channels_are_averaged(rest):
    channels = np.stack([SPEECH, *rest], 1)
    np.testing.assert_allclose(read(channels), without_mean(channels.mean(axis=1)), atol=1e-6)


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        (32_768 * SPEECH, r"found values from -\d+\.?\d* to \d+\.?\d*; divide them by 32768"),
        (np.round(32_768 * SPEECH), "whole numbers from .* divide them by 32768"),
        (np.round(10 * SPEECH), "whole numbers from .* divide them by 32768"),
        (2.0**23 * SPEECH, "divide them by 8388608"),
        (2.0**31 * SPEECH, "divide them by 2147483648"),
        (128 + 100 * SPEECH, "divide them by 32768"),
        (np.where(np.arange(RATE_HZ) == 9, 1e20, SPEECH), r"to 1e\+20; export it again"),
        (np.where(np.arange(RATE_HZ) == 9, -1e300, SPEECH), "1 that are NaN or infinite"),
        (np.where(np.arange(RATE_HZ) == 9, np.nan, SPEECH), "1 that are NaN or infinite"),
    ],
)
def test_values_that_are_no_sound_are_errors(samples, message):
    with pytest.raises(AudioError, match=message):
        read(samples)
    with pytest.raises(AudioError, match=message):
        decode(encode(samples, format="WAV", subtype="DOUBLE"))


@pytest.mark.parametrize("shape", [(2, 48_000), (1, 16_000), (64, 3_200)])
def test_time_in_the_second_axis_is_an_error(shape):
    with pytest.raises(AudioError, match=r"samples \[time\] or \[time, channels\], found shape .*; transpose them"):
        read(np.ones(shape))


def test_integers_without_a_full_scale_are_errors():
    with pytest.raises(AudioError, match="floats or integers of at most 32 bits"):
        read(np.round(32_768 * SPEECH).astype(np.int64))


@pytest.mark.parametrize(("rate_hz", "message"), [(1, "1 Hz"), (3_999, "3999 Hz"), (768_001, "768001 Hz")])
def test_rates_outside_the_limits_are_errors(rate_hz, message):
    expected = f"a sample rate from 4000 to 768000 Hz, found {message}"
    with pytest.raises(AudioError, match=expected):
        decode(encode(SPEECH, rate_hz, format="WAV"))
    with pytest.raises(AudioError, match=expected):
        read(SPEECH, rate_hz)


LIMITS = [
    ({"max_duration_s": 0.9}, "at most 0.015 minutes"),
    ({"max_decoded_bytes": 60_000}, "at most 60000 bytes when decoded"),
    ({"max_channels": 1}, "at most 1 channels, found 2 channels"),
    ({"max_rate_hz": 8_000}, "a sample rate from 4000 to 8000 Hz"),
    ({"max_peak": 0.1}, "samples within ±0.1"),
]


@pytest.mark.parametrize(("limit", "message"), LIMITS)
def test_every_limit_holds_for_files_and_arrays(limit, message):
    stereo = np.stack([SPEECH, HISS], 1)
    with pytest.raises(AudioError, match=message):
        read(stereo, **limit)
    with pytest.raises(AudioError, match=message):
        decode(encode(stereo, format="WAV"), **limit)


def test_a_file_of_too_many_bytes_is_an_error():
    with pytest.raises(AudioError, match="a file of at most 1000 bytes, found 32044"):
        decode(encode(SPEECH, format="WAV"), max_file_bytes=1_000)


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("odd"), SystemError("odd"), ValueError("odd")])
def test_any_error_while_decoding_is_an_error_of_the_sound(monkeypatch, error):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr(io.blocks.containers, "streams", fail)
    with pytest.raises(AudioError, match=r"a readable sound file, found (odd|MemoryError)"):
        decode(encode(SPEECH, format="WAV"))


def test_a_file_that_can_not_seek_is_read():
    class Pipe(io.io.BytesIO):
        def seekable(self):
            return False

    data = encode(SPEECH, format="WAV")
    np.testing.assert_array_equal(io.read(Pipe(data), RATE_HZ), decode(data))
