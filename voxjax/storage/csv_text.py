"""CSV tables that hold text of others: no cell is a formula where a spreadsheet opens them, and none is lost."""

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence

from voxjax.storage.safe_text import readable

Cell = str | float | None

# What a spreadsheet may evaluate or drop at the start of a cell, in full width too, behind blanks or quotes.
_ACTIVE = re.compile(r"'*\s*[=+\-@\x00-\x1f\x7f\uff1d\uff0b\uff0d\uff20]")


def text(rows: Iterable[Sequence[Cell]], raw: bool = False) -> str:
    """Rows as CSV with Unix line ends.

    Args:
        rows: their cells. Text that begins with `=`, `+`, `-`, `@` or a control character gets an apostrophe in front;
            numbers stay as they are.
        raw: leaves all text as it is, for programs that do not evaluate cells.
    """
    return "".join(f"{_line([cell(value, raw) for value in row])}\n" for row in rows)


def cell(value: Cell, raw: bool = False) -> Cell:
    """A cell without effect in a spreadsheet; see `text`."""
    if not isinstance(value, str):
        return value
    value = readable(value)
    return f"'{value}" if not raw and _ACTIVE.match(value) else value


def original(value: str) -> str:
    """The text of a cell that `cell` has written."""
    return value[1:] if value.startswith("'") and _ACTIVE.match(value[1:]) else value


def rows(table: str) -> list[dict[str, str]]:
    """The rows of a table written by `text`, by column.

    Raises:
        ValueError: at a row of another length than the header's, or a table that is no CSV.
    """
    try:
        listed = [[original(value) for value in row] for row in csv.reader(io.StringIO(table, newline="")) if row]
    except csv.Error as error:
        raise ValueError(str(error)) from error
    header = listed[0] if listed else []
    return [dict(zip(header, row, strict=True)) for row in listed[1:]]


def _line(cells: Sequence[Cell]) -> str:
    """A row without its line end."""
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\r\n").writerow(cells)  # so that it quotes cells with either character
    return buffer.getvalue().removesuffix("\r\n")


def dict_rows(columns: Sequence[str], values: Iterable[Mapping[str, Cell]]) -> list[Sequence[Cell]]:
    """A header and one row for each mapping; a column that one lacks is empty."""
    return [columns, *([row[name] if name in row else None for name in columns] for row in values)]
