"""Any sound that can be written is read back, and no damage does more than cost one answer."""

import tracemalloc

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.encoded import decode, encode, voice, without_mean
from voxjax.audio import io
from voxjax.audio.io import AudioError, AudioLimits

STEPS = {"PCM_U8": 2.0**-7, "PCM_S8": 2.0**-7, "PCM_16": 2.0**-15, "PCM_24": 2.0**-23, "PCM_32": 2.0**-24,
         "FLOAT": 2.0**-24, "DOUBLE": 2.0**-24}  # fmt: skip
LOSSLESS = [
    (container, subtype)
    for container in ("WAV", "WAVEX", "RF64", "W64", "AIFF", "AU", "CAF", "FLAC")
    for subtype in soundfile.available_subtypes(container)
    if subtype in STEPS
]
FORMATS = [("WAV", "PCM_16"), ("WAV", "FLOAT"), ("WAV", "GSM610"), ("WAV", "MS_ADPCM"), ("W64", "PCM_16"),
           ("RF64", "PCM_16"), ("AIFF", "PCM_16"), ("AU", "PCM_16"), ("CAF", "PCM_16"), ("FLAC", "PCM_16"),
           ("OGG", "VORBIS"), ("OGG", "OPUS"), ("MP3", "MPEG_LAYER_III"), ("NIST", "PCM_16")]  # fmt: skip
ENCODED = [encode(voice(0.5, 8_000), 8_000, format=container, subtype=subtype) for container, subtype in FORMATS]
SMALL = {"max_duration_s": 60.0, "max_decoded_bytes": 2**21, "max_file_bytes": 2**22}
MOST_BYTES = 24 * 2**20  # what reading within these limits may take

quick = settings(deadline=None, derandomize=True, database=None)


@settings(quick, max_examples=150)
@given(
    kind=st.sampled_from(LOSSLESS),
    rate_hz=st.sampled_from([4_000, 8_000, 11_025, 16_000, 22_050, 44_100, 48_000, 96_000, 192_000]),
    channels=st.integers(1, 6),
    level_db=st.floats(-60.0, -1.0),
    seed=st.integers(0, 99),
)
def test_what_is_written_is_read_back(kind, rate_hz, channels, level_db, seed):
    container, subtype = kind
    samples = np.random.default_rng(seed).uniform(-1.0, 1.0, (rate_hz // 8, channels)) * 10 ** (level_db / 20)
    if STEPS[subtype] > 1e-3:
        samples *= 0.5 / np.abs(samples).max()
    mono = decode(encode(samples, rate_hz, format=container, subtype=subtype), rate_hz)
    expected = without_mean(samples.mean(axis=1))
    tolerance = 1.01 * STEPS[subtype] + 1e-6
    np.testing.assert_allclose(mono, expected, atol=tolerance)
    np.testing.assert_allclose(io.read((samples, rate_hz), rate_hz), expected, atol=1e-6)


def assert_read_or_refused(data):
    """Reading gives finite samples or an `AudioError`, in little memory."""
    tracemalloc.start()
    try:
        samples = decode(data, 16_000, **SMALL)
        assert np.isfinite(samples).all() and len(samples) <= 60 * 16_000
    except AudioError as error:
        assert "\n" not in str(error)
    finally:
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert most < MOST_BYTES


@settings(quick, max_examples=400)
@given(which=st.integers(0, len(FORMATS) - 1), part=st.floats(0.0, 1.0))
def test_a_file_cut_off_anywhere_is_read_or_refused(which, part):
    data = ENCODED[which]
    assert_read_or_refused(data[: int(part * len(data))])


@settings(quick, max_examples=600)
@given(
    which=st.integers(0, len(FORMATS) - 1),
    places=st.lists(st.one_of(st.integers(0, 90), st.integers(0, 10**6)), min_size=1, max_size=4),
    byte=st.integers(0, 255),
)
def test_changed_bytes_are_read_or_refused(which, places, byte):
    data = bytearray(ENCODED[which])
    for place in places:
        data[place % len(data)] = byte
    assert_read_or_refused(bytes(data))


@settings(quick, max_examples=150)
@given(which=st.lists(st.integers(0, len(FORMATS) - 1), min_size=2, max_size=3), junk=st.binary(max_size=200))
def test_any_files_joined_are_read_or_refused(which, junk):
    assert_read_or_refused(junk.join(ENCODED[i] for i in which))


@settings(quick, max_examples=150)
@given(data=st.binary(max_size=400), head=st.sampled_from([data[:60] for data in ENCODED] + [b"", b"ID3\3"]))
def test_any_bytes_are_read_or_refused(data, head):
    assert_read_or_refused(head + data)


@pytest.mark.parametrize("which", range(len(FORMATS)), ids=["-".join(one) for one in FORMATS])
def test_every_byte_of_a_header_may_be_the_largest(which):
    for place in range(min(120, len(ENCODED[which]))):
        data = bytearray(ENCODED[which])
        data[place] = 0xFF
        assert_read_or_refused(bytes(data))


def test_a_small_file_of_hours_is_refused_before_it_is_held():
    hours = encode(np.zeros(3_600 * 8_000, np.int16), 8_000, format="FLAC")
    assert len(hours) < 400_000
    tracemalloc.start()
    with pytest.raises(AudioError, match="at most 1 minutes"):
        decode(hours, 16_000, max_duration_s=60.0)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < MOST_BYTES and AudioLimits().max_duration_s == 4 * 3_600
