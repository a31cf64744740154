"""Timelines as CSV: one row a segment, one column a label, the user's own columns last."""

from collections.abc import Sequence

from voxjax.inference.formats.base import rounded
from voxjax.inference.segments import Segment, Timeline
from voxjax.inference.timeline_formats.base import TimelineFormat
from voxjax.labels import distinct_columns
from voxjax.storage import csv_text
from voxjax.storage.csv_text import Cell

FIRST = ("file", "start", "end", "duration", "speaker", "emotion", "confidence")
LAST = ("distance", "warnings", "error")


def write(timelines: Sequence[Timeline]) -> bytes:
    """The table; a recording without segments has one row, with its error or warnings.

    A label or a column of the user with the name of another column has the column `label_NAME` or `given_NAME`.
    """
    labels = list(dict.fromkeys(label for timeline in timelines for label in timeline.labels))
    own = list(dict.fromkeys(name for one in timelines for segment in one.segments for name in segment.columns))
    label_columns = distinct_columns(labels, (*FIRST, *LAST), "label_")
    own_columns = distinct_columns(own, (*FIRST, *LAST, *label_columns), "given_")
    rows: list[Sequence[Cell]] = [[*FIRST, *label_columns, *LAST, *own_columns]]
    for timeline in timelines:
        rows += [_row(timeline, segment, labels, own) for segment in timeline.segments]
        if not timeline.segments:
            empty = [""] * (len(FIRST) - 1 + len(labels) + 1)
            rows.append([timeline.path, *empty, "; ".join(timeline.warnings), timeline.error, *[""] * len(own)])
    return csv_text.text(rows).encode()


def _row(timeline: Timeline, segment: Segment, labels: Sequence[str], own: Sequence[str]) -> list[Cell]:
    """A segment; recordings' warnings are in each of its rows, as a table has no other place for them."""
    duration_s = segment.end_s - segment.start_s
    place: list[Cell] = [timeline.path, *map(rounded, (segment.start_s, segment.end_s, duration_s)), segment.speaker]
    answer: list[Cell] = [segment.emotion or "", "" if segment.error else rounded(segment.confidence)]
    known = segment.probabilities
    probabilities: list[Cell] = [rounded(known[label]) if label in known else "" for label in labels]
    distance: Cell = "" if segment.distance is None else rounded(segment.distance)
    warnings = "; ".join([*timeline.warnings, *segment.warnings])
    columns = [segment.columns[name] if name in segment.columns else "" for name in own]
    return [*place, *answer, *probabilities, distance, warnings, segment.error, *columns]


FORMAT = TimelineFormat(".csv", True, write)
