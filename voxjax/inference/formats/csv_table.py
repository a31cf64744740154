"""Predictions as CSV: one row per file, one column per label."""

import csv
import io
from collections.abc import Iterator, Sequence

from voxjax.inference.formats.base import Answer, Format, Layout, rounded


def header(layout: Layout) -> Iterator[str]:
    """The line of column names."""
    yield _line(["path", "emotion", "confidence", *layout.labels, "duration_s", "model", "error"])


def row(layout: Layout, answer: Answer) -> str:
    """One row; of a file that can't be read only path and error are filled in."""
    if "error" in answer:
        return _line([answer["path"], *[""] * (len(layout.labels) + 4), answer["error"]])
    values = rounded(answer)
    probabilities = [values["probabilities"][label] for label in layout.labels]
    first = [values[key] for key in ("path", "emotion", "confidence")]
    return _line([*first, *probabilities, values["duration_s"], values["model"], ""])


def _line(cells: Sequence[str | float | None]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(cells)
    return text.getvalue()


FORMAT = Format(header, row)
