"""The picture of a timeline shows the sound and each segment at its place, at any length, in bounded memory."""

import io
import tracemalloc

import numpy as np
import pytest
from matplotlib.collections import PolyCollection
from PIL import Image

from voxjax.inference.segments import Segment, Timeline
from voxjax.reporting import plots, timeline_plot
from voxjax.reporting.sound_summary import SoundSummary

RATE_HZ = 16_000
LABELS = ("neutral", "高兴", "😀", "two\nlines $x$", "غضب", "b", "c", "d", "e")


def segment(start_s, end_s, emotion="neutral", speaker="", confidence=0.5, **more):
    return Segment(start_s, end_s, speaker, emotion, confidence, {}, **more)


def timeline(*segments, duration_s=10.0, **more):
    return Timeline("a/ü 高.wav", duration_s, "model", LABELS, segments, **more)


def summary(samples, duration_s=None):
    found = SoundSummary(duration_s or len(samples) / RATE_HZ, RATE_HZ)
    found.add(np.asarray(samples, np.float32))
    return found


def boxes(axes):
    """Start, end, bottom and top of the strong boxes."""
    strong = [one for one in axes.collections if isinstance(one, PolyCollection)][-1]
    return [(*path.vertices[:4, 0][[0, 1]], *path.vertices[:4, 1][[0, 2]]) for path in strong.get_paths()]


@pytest.mark.parametrize("count", [1, 700, 16_000, 100_001])
def test_the_summary_is_the_same_however_the_sound_is_cut_into_blocks(count):
    rng = np.random.default_rng(count)
    samples = rng.normal(size=count).astype(np.float32)
    whole = summary(samples)
    parts = SoundSummary(count / RATE_HZ, RATE_HZ)
    for part in np.split(samples, sorted(rng.integers(0, count + 1, 6))):
        parts.add(part)
    np.testing.assert_array_equal(parts.low, whole.low)
    np.testing.assert_array_equal(parts.high, whole.high)
    np.testing.assert_allclose(parts.spectrogram_db(), whole.spectrogram_db(), atol=1e-3)
    assert whole.low.min() == min(0, samples.min()) and whole.high.max() == max(0, samples.max())


def test_the_envelope_and_the_spectrogram_show_a_tone_at_its_time_and_frequency():
    time_s = np.arange(4 * RATE_HZ) / RATE_HZ
    tone = np.where((time_s >= 1) & (time_s < 2), 0.5 * np.sin(2 * np.pi * 3_000 * time_s), 0)
    found = summary(tone)
    loud = np.flatnonzero(found.high > 0.4) / len(found.high) * 4
    assert loud[0] == pytest.approx(1, abs=0.01) and loud[-1] == pytest.approx(2, abs=0.01)
    levels = found.spectrogram_db()
    column, row = np.unravel_index(levels.argmax(), levels.shape)
    assert 1 < column / len(levels) * 4 < 2
    assert row / (levels.shape[1] - 1) * RATE_HZ / 2 == pytest.approx(3_000, abs=RATE_HZ / 2 / 256)
    assert levels[len(levels) * 3 // 4].max() == pytest.approx(-120)


def test_memory_does_not_grow_with_the_sound():
    block = np.random.default_rng(0).normal(size=2**16).astype(np.float32)

    def peak_bytes(count):
        tracemalloc.start()
        found = SoundSummary(count * len(block) / RATE_HZ, RATE_HZ)
        for _ in range(count):
            found.add(block)
        found.spectrogram_db()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    assert peak_bytes(120) < 1.3 * peak_bytes(15)  # 8 minutes and 1


def test_a_segment_is_a_box_in_the_row_of_its_emotion_as_high_as_its_confidence():
    found = timeline_plot.figure(
        timeline(segment(1, 2.5, confidence=1.0), segment(3, 4, "b", confidence=0.5)), summary([0.1] * 999, 10)
    )
    axes = found.axes[2]
    rows = [tick.get_text() for tick in axes.get_yticklabels()]
    assert rows[-1] == "neutral" and rows.index("b") == 3 and "two lines $x$" in rows
    first, second = boxes(axes)
    assert first[:2] == (1, 2.5) and first[2:] == pytest.approx((8.06, 8.94))
    assert second[:2] == (3, 4) and second[2:] == pytest.approx((3.06, 3.5))
    assert [text.get_text() for text in axes.texts] == ["100 %", "50 %"]
    assert axes.get_xlabel() == "time (s)" and axes.get_xlim() == (0, 10)


def test_each_speaker_has_a_panel_and_those_left_out_are_counted():
    many = [segment(i, i + 1, speaker=f"S{i} 高") for i in range(10)]
    found = timeline_plot.figure(timeline(*many, warnings=["too quiet"]), summary([0.1] * 999, 10))
    assert len(found.axes) == 2 + 8 + 1  # and the colour bar
    assert [axes.get_title(loc="left")[:2] for axes in found.axes[2:10]] == [f"S{i}" for i in range(8)]
    assert found.legends[0].get_title().get_text() == "2 more speakers are left out; warning: too quiet"


def test_withheld_and_missing_answers_have_rows_of_their_own():
    odd = timeline(segment(0, 1, None), segment(1, 2, None, confidence=0.0, error="too short"))
    axes = timeline_plot.figure(odd, summary([0.1] * 999, 10)).axes[2]
    assert [tick.get_text() for tick in axes.get_yticklabels()][:2] == ["no answer", "uncertain"]
    assert [text.get_text() for text in axes.texts] == ["50 %"]


@pytest.mark.parametrize(
    ("duration_s", "name", "last"),
    [
        (3, "time (s)", "3"),
        (120, "time (min:s)", "2:00"),
        (3_600, "time (min:s)", "60:00"),
        (10_800, "time (h:min)", "3:00"),
    ],
)
def test_the_axis_of_time_has_round_ticks_and_a_unit(duration_s, name, last):
    found = timeline_plot.figure(timeline(duration_s=duration_s), summary([0.1] * 999, duration_s))
    plots.pixels(found)
    ticks = [tick.get_text() for tick in found.axes[2].get_xticklabels()]
    assert found.axes[2].get_xlabel() == name and ticks[-1] == last and 5 < len(ticks) < 20


@pytest.mark.parametrize("duration_s", [0.1, 3, 900])
def test_a_png_of_any_labels_is_drawn_without_a_warning(duration_s):
    """Warnings are errors here, including matplotlib's of a missing glyph."""
    step_s = duration_s / len(LABELS)
    segments = [segment(i * step_s, (i + 1) * step_s, label) for i, label in enumerate(LABELS)]
    drawn = timeline(*segments, duration_s=duration_s)
    block = 0.1 * np.random.default_rng(0).normal(size=4_000).astype(np.float32)
    data = timeline_plot.png(drawn, [block], RATE_HZ)
    picture = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
    assert picture.shape[1] == 1_950 and picture.std() > 20


def test_silence_and_a_recording_without_segments_are_drawn():
    timeline_plot.png(timeline(error="no speech"), [np.zeros(160_000, np.float32)], RATE_HZ)
    timeline_plot.png(timeline(duration_s=0.0), [], RATE_HZ)
