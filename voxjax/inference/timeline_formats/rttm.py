"""Timelines as RTTM, a line `SPEAKER recording 1 start duration <NA> <NA> NAME confidence <NA>` a segment.

NAME is the emotion, or `speaker:emotion` where speakers are known, so that programs for diarisation read, draw and
compare emotions as they do speakers.
"""

from collections import Counter
from collections.abc import Sequence
from pathlib import PurePath

from voxjax.inference.segments import Segment, Timeline
from voxjax.inference.timeline_formats import tiers
from voxjax.inference.timeline_formats.base import TimelineFormat

_MISSING = "<NA>"


def write(timelines: Sequence[Timeline]) -> bytes:
    """One RTTM file in UTF-8 for all recordings; segments with an error are left out.

    A recording is named by its file name without suffix, or by its path where several have the same; blanks become
    underscores.
    """
    names = [_field(PurePath(timeline.path).stem) for timeline in timelines]
    times = Counter(names)
    paths = [_field(str(PurePath(timeline.path).with_suffix(""))) for timeline in timelines]
    named = [path if times[name] > 1 else name for name, path in zip(names, paths, strict=True)]
    lines = [
        _line(name, segment)
        for name, timeline in zip(named, timelines, strict=True)
        for segment in sorted(timeline.segments, key=lambda one: one.start_s)
        if not segment.error
    ]
    return "".join(lines).encode()


def _line(recording: str, segment: Segment) -> str:
    start, end = tiers.times_ms(segment)
    emotion = _field(tiers.label(segment)).replace(":", "_")  # so that the last colon divides speaker and emotion
    name = f"{_field(segment.speaker)}:{emotion}" if segment.speaker.strip() else emotion
    times = f"{start / tiers.MS:.3f} {(end - start) / tiers.MS:.3f}"
    return f"SPEAKER {recording} 1 {times} {_MISSING} {_MISSING} {name} {tiers.confidence(segment)} {_MISSING}\n"


def _field(text: str) -> str:
    """A text as one field: without blanks, and never empty."""
    return "_".join(tiers.clean(text).split()) or _MISSING


FORMAT = TimelineFormat(".rttm", True, write)
