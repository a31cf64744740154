"""Speech in a stream: the same windows whatever the blocks, early, and near those of a whole recording."""

import itertools

import numpy as np
import pytest

from tests.inference.test_timeline import PLACES, RATE_HZ, recording
from voxjax.inference.live_speech import LATENCY_S, WARM_UP_S, LiveSpeech
from voxjax.inference.speech_regions import RegionFinder

WINDOW_S = 4.0


def live(samples, block, window_s=WINDOW_S):
    """Windows of a stream, each with the seconds that had come when it was given."""
    speech, found = LiveSpeech(RATE_HZ, window_s), []
    for i in range(0, len(samples), block):
        last = i + block >= len(samples)
        found += [(one, (i + block) / RATE_HZ) for one in speech.add(samples[i : i + block], last)]
    return found


@pytest.mark.parametrize("block", [320, 1_000, 7_777, 10**6])
def test_planted_speech_is_found_whatever_the_blocks(block):
    samples = recording()
    windows = [one for one, _ in live(samples, block)]
    assert [(one.start_s, one.end_s) for one in windows] == [
        pytest.approx((start, start + length), abs=0.1) for start, length, _ in PLACES
    ]
    for one in windows:
        own = samples[round(one.from_s * RATE_HZ) :][: len(one.samples)]
        np.testing.assert_array_equal(one.samples, own)
        assert len(one.samples) == pytest.approx((one.to_s - one.from_s) * RATE_HZ, abs=2)


def test_a_window_is_given_within_the_stated_time_after_its_speech():
    block = 160
    for one, came_s in live(recording(), block):
        assert came_s <= max(one.end_s + LATENCY_S, WARM_UP_S) + 0.05 + 2 * block / RATE_HZ


def test_long_speech_is_cut_as_the_window_fills_and_given_early():
    places = [(1.0, 0.9, 3), *((1.9 + 0.9 * i, 0.9, 5 + i) for i in range(12))]
    found = live(recording(places, 14.0), 800)
    assert len(found) >= 3
    for one, came_s in found:
        assert one.to_s - one.from_s <= WINDOW_S + 1e-6 and came_s <= one.end_s + 1.3
    for (before, _), (after, _) in itertools.pairwise(found):
        assert before.end_s <= after.start_s


def test_regions_do_not_depend_on_how_frames_come():
    flags = np.random.default_rng(0).random(4_000) < 0.5
    flags = np.repeat(flags[::20], 20)
    whole = RegionFinder(0.02).add(flags, True)
    for size in (1, 13, 500):
        finder, found = RegionFinder(0.02), []
        for i in range(0, len(flags), size):
            found += finder.add(flags[i : i + size], i + size >= len(flags))
        np.testing.assert_allclose(found, whole)
    assert len(whole) > 20
