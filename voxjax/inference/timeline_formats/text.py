"""Timelines as lines of text for the terminal."""

from collections.abc import Sequence

from voxjax.inference.formats.base import UNCERTAIN
from voxjax.inference.segments import Segment, Timeline
from voxjax.inference.timeline_formats.base import TimelineFormat
from voxjax.storage.safe_text import printable


def write(timelines: Sequence[Timeline]) -> bytes:
    """A line for each recording and, below it, one for each segment: time, speaker, emotion, confidence, warnings."""
    return "".join(f"{printable(line)}\n" for timeline in timelines for line in _lines(timeline)).encode()


def _lines(timeline: Timeline) -> list[str]:
    if timeline.error and not timeline.segments:
        return [f"{timeline.path}  error: {timeline.error}"]
    count = len(timeline.segments)
    head = f"{timeline.path}  {clock(timeline.duration_s)}, {count} segment{'' if count == 1 else 's'}"
    width = max(map(len, [*timeline.labels, UNCERTAIN]))
    speakers = max((len(segment.speaker) for segment in timeline.segments), default=0)
    rows = [_row(segment, width, speakers) for segment in timeline.segments]
    return [head + "".join(f"  warning: {text}" for text in timeline.warnings), *rows]


def _row(segment: Segment, width: int, speakers: int) -> str:
    speaker = f"{segment.speaker:<{speakers}}  " if speakers else ""
    place = f"  {clock(segment.start_s)} - {clock(segment.end_s)}  {speaker}"
    if segment.error:
        return f"{place}error: {segment.error}"
    emotion = UNCERTAIN if segment.emotion is None else segment.emotion
    warnings = "".join(f"  warning: {text}" for text in segment.warnings)
    return f"{place}{emotion:<{width}}  {100 * segment.confidence:3.0f} %{warnings}"


def clock(seconds: float) -> str:
    """A place in a recording: "1:02:03.4"."""
    tenths = round(10 * seconds)
    return f"{tenths // 36_000}:{tenths // 600 % 60:02d}:{tenths // 10 % 60:02d}.{tenths % 10}"


FORMAT = TimelineFormat(".txt", True, write)
