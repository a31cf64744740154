"""Predictions as CSV: one row per file, one column per label, then the user's own columns."""

from collections.abc import Iterator, Sequence

from voxjax import labels
from voxjax.inference.formats.base import Answer, Format, Layout, rounded
from voxjax.storage import csv_text
from voxjax.storage.safe_text import printable

_ABOUT = ("duration_s", "model", "entropy", "disagreement", "distance")


def header(layout: Layout) -> Iterator[str]:
    """The line of column names; an own column with the name of another is called `own_NAME`."""
    columns = labels.label_columns(layout.labels)
    columns = ["path", "emotion", "confidence", *columns, *_ABOUT, "warnings", "error"]
    yield _line(layout, [*columns, *labels.distinct_columns(layout.columns, columns, "own_")])


def row(layout: Layout, answer: Answer) -> str:
    """One row; of a file that can't be read only path, error and the user's own columns are filled in."""
    given = answer["columns"] if "columns" in answer else {}
    own = [given[name] if name in given else "" for name in layout.columns]
    if "error" in answer:
        empty = [""] * (len(layout.labels) + len(_ABOUT) + 3)
        return _line(layout, [answer["path"], *empty, answer["error"], *own])
    values = rounded(answer)
    probabilities = [values["probabilities"][label] for label in layout.labels]
    first = [values[key] for key in ("path", "emotion", "confidence")]
    about = ["" if values[key] is None else values[key] for key in _ABOUT]
    return _line(layout, [*first, *probabilities, *about, "; ".join(values["warnings"]), "", *own])


def _line(layout: Layout, cells: Sequence[csv_text.Cell]) -> str:
    if not layout.raw_cells:
        cells = [printable(cell) if isinstance(cell, str) else cell for cell in cells]
    return csv_text.text([cells], layout.raw_cells).removesuffix("\n")


FORMAT = Format(header, row)
