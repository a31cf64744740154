"""File formats of timelines. A new one is a file here and a row in `TIMELINE_FORMATS`."""

from voxjax.inference.timeline_formats import csv_table, eaf, json_document, rttm, text, textgrid, vtt
from voxjax.inference.timeline_formats.base import TimelineFormat

__all__ = ["TIMELINE_FORMATS", "TimelineFormat"]

TIMELINE_FORMATS: dict[str, TimelineFormat] = {
    "text": text.FORMAT,
    "json": json_document.FORMAT,
    "jsonl": json_document.LINES,
    "csv": csv_table.FORMAT,
    "textgrid": textgrid.FORMAT,
    "eaf": eaf.FORMAT,
    "vtt": vtt.FORMAT,
    "rttm": rttm.FORMAT,
}
