"""Predictions as JSON Lines: one object per line."""

import json

from voxjax.inference.formats.base import Answer, Format, Layout, no_header, rounded


def row(layout: Layout, answer: Answer) -> str:
    """One JSON object without line breaks."""
    del layout
    return json.dumps(rounded(answer), ensure_ascii=False)


FORMAT = Format(no_header, row)
