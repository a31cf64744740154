"""Predictions as CSV: one row per file, one column per label."""

from collections.abc import Iterator, Sequence

from voxjax import labels
from voxjax.inference.formats.base import Answer, Format, Layout, rounded
from voxjax.storage import csv_text
from voxjax.storage.safe_text import printable


def header(layout: Layout) -> Iterator[str]:
    """The line of column names."""
    columns = labels.label_columns(layout.labels)
    yield _line(
        layout, ["path", "emotion", "confidence", *columns, "duration_s", "model", "distance", "warnings", "error"]
    )


def row(layout: Layout, answer: Answer) -> str:
    """One row; of a file that can't be read only path and error are filled in."""
    if "error" in answer:
        return _line(layout, [answer["path"], *[""] * (len(layout.labels) + 6), answer["error"]])
    values = rounded(answer)
    probabilities = [values["probabilities"][label] for label in layout.labels]
    first = [values[key] for key in ("path", "emotion", "confidence")]
    distance = "" if values["distance"] is None else values["distance"]
    about = [values["duration_s"], values["model"], distance, "; ".join(values["warnings"])]
    return _line(layout, [*first, *probabilities, *about, ""])


def _line(layout: Layout, cells: Sequence[csv_text.Cell]) -> str:
    if not layout.raw_cells:
        cells = [printable(cell) if isinstance(cell, str) else cell for cell in cells]
    return csv_text.text([cells], layout.raw_cells).removesuffix("\n")


FORMAT = Format(header, row)
