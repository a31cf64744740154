"""Timelines as WebVTT, the subtitles of browsers and video players: a cue a segment, as "happy 87 %"."""

import html
from collections.abc import Iterator, Sequence

from voxjax.inference.segments import Segment, Timeline
from voxjax.inference.timeline_formats import tiers
from voxjax.inference.timeline_formats.base import TimelineFormat


def write(timelines: Sequence[Timeline]) -> bytes:
    """One WebVTT file in UTF-8. Speakers are voices, `<v Anna>`; warnings are comments."""
    (timeline,) = timelines
    return "\n".join(_blocks(timeline)).encode()


def _blocks(timeline: Timeline) -> Iterator[str]:
    yield "WEBVTT\n"
    for note in tiers.notes(timeline):
        yield f"NOTE {_escaped(note)}\n"
    for segment in sorted(timeline.segments, key=lambda one: one.start_s):
        start, end = tiers.times_ms(segment)
        yield f"{_time(start)} --> {_time(end)}\n{_text(segment)}\n"


def _text(segment: Segment) -> str:
    """The content of a cue: lines without an empty one among them, which would end it."""
    percent = "" if segment.error else f" {100 * segment.confidence:.0f} %"
    lines = [line.strip() for line in tiers.label(segment).split("\n")]
    shown = _escaped("\n".join(filter(None, lines))) + percent
    return f"<v {_escaped(tiers.one_line(segment.speaker))}>{shown}" if segment.speaker.strip() else shown


def _escaped(text: str) -> str:
    """A text that has no effect: without "<", "&", and "-->", which the arrow of a cue's times is."""
    return html.escape(text, quote=False)


def _time(ms: int) -> str:
    seconds, ms = divmod(ms, tiers.MS)
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}.{ms:03d}"


FORMAT = TimelineFormat(".vtt", False, write)
