"""No damage to a file that FFmpeg reads does more than cost one answer."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.encoded import decode, voice
from voxjax.audio.io import AudioError
from voxjax.benchmarks.soak.containers import contain

RATES_HZ = {"m4a": 16_000, "mp4": 16_000, "webm": 48_000, "mka": 16_000, "wma": 16_000, "3gp": 8_000, "mts": 16_000}
ENCODED = [contain(voice(0.5, rate), rate, kind, picture=kind == "mp4") for kind, rate in RATES_HZ.items()]
SMALL = {"max_duration_s": 60.0, "max_decoded_bytes": 2**21, "max_file_bytes": 2**22, "max_decode_s": 20.0}

quick = settings(deadline=None, derandomize=True, database=None)


def assert_read_or_refused(data):
    """Reading gives finite samples or an `AudioError` of one line."""
    try:
        samples = decode(data, 16_000, **SMALL)
    except AudioError as error:
        assert "\n" not in str(error)
    else:
        assert np.isfinite(samples).all() and len(samples) <= 60 * 16_000


def changed(data, places, values):
    """The bytes at places, counted from the beginning or (negative) from the end, replaced."""
    data = bytearray(data)
    for place, value in zip(places, values, strict=False):
        data[place % len(data)] = value
    return bytes(data)


@settings(quick, max_examples=300)
@given(
    which=st.integers(0, len(ENCODED) - 1),
    places=st.lists(
        st.one_of(st.integers(0, 900), st.integers(-900, -1), st.integers(0, 10**6)), min_size=1, max_size=6
    ),
    values=st.lists(st.sampled_from([0, 1, 0x7F, 0x80, 0xFF, 0x20]) | st.integers(0, 255), min_size=6, max_size=6),
)
def test_changed_bytes_are_read_or_refused(which, places, values):
    assert_read_or_refused(changed(ENCODED[which], places, values))


@settings(quick, max_examples=100)
@given(which=st.integers(0, len(ENCODED) - 1), part=st.floats(0.0, 1.0))
def test_a_file_cut_off_anywhere_is_read_or_refused(which, part):
    data = ENCODED[which]
    assert_read_or_refused(data[: int(part * len(data))])


@settings(quick, max_examples=100)
@given(data=st.binary(max_size=400), head=st.sampled_from([data[:200] for data in ENCODED]))
def test_any_bytes_after_a_head_are_read_or_refused(data, head):
    assert_read_or_refused(head + data)


@pytest.mark.parametrize("kind", RATES_HZ)
def test_the_undamaged_files_are_read(kind):
    assert len(decode(ENCODED[list(RATES_HZ).index(kind)], 16_000)) >= 0.45 * 16_000
