"""Output formats of predictions. A new one is a file here and a row in `FORMATS`."""

from voxjax.inference.formats import csv_table, json_lines, text
from voxjax.inference.formats.base import Answer, Format, Layout

__all__ = ["FORMATS", "Answer", "Format", "Layout"]

FORMATS = {
    "text": text.FORMAT,
    "json": json_lines.FORMAT,
    "jsonl": json_lines.FORMAT,  # another name for the same
    "csv": csv_table.FORMAT,
}
