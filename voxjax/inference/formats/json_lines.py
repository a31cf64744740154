"""Predictions as JSON Lines: one object per line."""

from voxjax.inference.formats.base import Answer, Format, Layout, no_header, rounded
from voxjax.storage.safe_text import json_line


def row(layout: Layout, answer: Answer) -> str:
    """One JSON object without line breaks."""
    del layout
    return json_line(rounded(answer))


FORMAT = Format(no_header, row)
