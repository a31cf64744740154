"""Timelines as text."""

from voxjax.inference.segments import Segment, Timeline
from voxjax.inference.timeline_formats import text

LABELS = ("angry", "sad")


def segment(start_s, emotion, *warnings, error=""):
    probabilities = {"angry": 0.75, "sad": 0.25}
    return Segment(start_s, start_s + 1.5, "", emotion, 0.75, probabilities, None, warnings, {}, error)


def test_warnings_that_segments_share_are_written_once():
    segments = [
        segment(0.0, "angry", "unlike others (distance 1.2): careful", "too quiet"),
        segment(2.0, None, "unlike others (distance 3.4): careful"),
        segment(4.0, "sad"),
        segment(6.0, None, "not counted", error="beyond the end"),
    ]
    written = text.write([Timeline("a.wav", 61.0, "model", LABELS, segments, ["an average"])]).decode()
    assert written.splitlines() == [
        "a.wav  0:01:01.0, 4 segments  warning: an average",
        "  0:00:00.0 - 0:00:01.5  angry       75 % [1] [2]",
        "  0:00:02.0 - 0:00:03.5  uncertain   75 % [1]",
        "  0:00:04.0 - 0:00:05.5  sad         75 %",
        "  0:00:06.0 - 0:00:07.5  error: beyond the end",
        "  [1] unlike others: careful (2 of 4)",
        "  [2] too quiet (1 of 4)",
    ]
