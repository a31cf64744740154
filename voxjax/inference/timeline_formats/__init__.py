"""File formats of timelines. A new one is a file here and a row in `TIMELINE_FORMATS`."""

from voxjax.inference.timeline_formats.base import TimelineFormat

__all__ = ["TIMELINE_FORMATS", "TimelineFormat"]

TIMELINE_FORMATS: dict[str, TimelineFormat] = {}
