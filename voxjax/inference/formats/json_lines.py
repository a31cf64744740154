"""Predictions as JSON Lines: one object per line."""

import json
from typing import Any

from voxjax.inference.formats.base import Format, Layout, no_header, rounded


def row(layout: Layout, answer: dict[str, Any]) -> str:
    """One JSON object without line breaks."""
    del layout
    return json.dumps(rounded(answer), ensure_ascii=False)


FORMAT = Format(no_header, row)
