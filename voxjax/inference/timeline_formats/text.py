"""Timelines as lines of text for the terminal."""

import re
from collections.abc import Mapping, Sequence

from voxjax.inference.formats.base import UNCERTAIN
from voxjax.inference.segments import Segment, Timeline
from voxjax.inference.timeline_formats.base import TimelineFormat
from voxjax.storage.safe_text import printable


def write(timelines: Sequence[Timeline]) -> bytes:
    """A line for each recording, one for each segment (time, speaker, emotion, confidence), one for each warning.

    Segments refer to warnings by numbers, as most segments of a recording share them; the figures in a warning, which
    differ, are in the other formats.
    """
    return "".join(f"{printable(line)}\n" for timeline in timelines for line in _lines(timeline)).encode()


def _lines(timeline: Timeline) -> list[str]:
    if timeline.error and not timeline.segments:
        return [f"{timeline.path}  error: {timeline.error}"]
    count = len(timeline.segments)
    head = f"{timeline.path}  {clock(timeline.duration_s)}, {count} segment{'' if count == 1 else 's'}"
    width = max(map(len, [*timeline.labels, UNCERTAIN]))
    speakers = max((len(segment.speaker) for segment in timeline.segments), default=0)
    notes = _notes(timeline.segments)
    rows = [_row(segment, width, speakers, notes) for segment in timeline.segments]
    rows += [
        f"  [{number}] {text} ({sum(text in _texts(segment) for segment in timeline.segments)} of {count})"
        for text, number in notes.items()
    ]
    return [head + "".join(f"  warning: {text}" for text in timeline.warnings), *rows]


def _row(segment: Segment, width: int, speakers: int, notes: Mapping[str, int]) -> str:
    speaker = f"{segment.speaker:<{speakers}}  " if speakers else ""
    place = f"  {clock(segment.start_s)} - {clock(segment.end_s)}  {speaker}"
    if segment.error:
        return f"{place}error: {segment.error}"
    emotion = UNCERTAIN if segment.emotion is None else segment.emotion
    numbers = "".join(f" [{notes[text]}]" for text in _texts(segment))
    return f"{place}{emotion:<{width}}  {100 * segment.confidence:3.0f} %{numbers}"


def _notes(segments: Sequence[Segment]) -> dict[str, int]:
    """The number of each warning, from 1 in the order in which they appear."""
    texts = dict.fromkeys(text for segment in segments if not segment.error for text in _texts(segment))
    return {text: number for number, text in enumerate(texts, 1)}


def _texts(segment: Segment) -> list[str]:
    """The warnings of a segment without what is in brackets: the figures, which differ between segments."""
    return [re.sub(r" \([^()]*\)", "", text) for text in segment.warnings]


def clock(seconds: float) -> str:
    """A place in a recording: "1:02:03.4"."""
    tenths = round(10 * seconds)
    return f"{tenths // 36_000}:{tenths // 600 % 60:02d}:{tenths // 10 % 60:02d}.{tenths % 10}"


FORMAT = TimelineFormat(".txt", True, write)
