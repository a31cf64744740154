"""Tables of corpora and users: rows with their line numbers, and checks of columns."""

import csv
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from voxjax.errors import VoxJaxError, mismatch

ANY_NAME = re.compile(r".*")


class Row(NamedTuple):
    """A row of a table: its line in the file, from 1, and its values by column."""

    line: int
    values: dict[str, str]


def read(path: Path, delimiter: str, columns: Sequence[str], corpus: str, once: Sequence[str] = ()) -> list[Row]:
    """All rows of a table with a header, in UTF-8 with or without a byte-order mark.

    Args:
        path: of the table.
        delimiter: between columns.
        columns: required ones; more are allowed.
        corpus: its name, for messages.
        once: columns that may not be there twice.

    Raises:
        VoxJaxError: without the file, at bytes that are not UTF-8, at columns that are missing or there twice, or at a
            row of another length.
    """
    if not path.is_file():
        do = "see the layout of the corpus in docs/corpora.md"
        raise VoxJaxError(mismatch(corpus, f"a table {path.name}", f"none in {path.parent}", do))
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file, delimiter=delimiter)
            numbered = [(reader.line_num, line) for line in reader if line]
    except (UnicodeDecodeError, csv.Error) as error:
        raise VoxJaxError(mismatch(str(path), "a table in UTF-8", str(error), "save it as CSV in UTF-8")) from error
    header = [name.strip() for name in numbered[0][1]] if numbered else []
    if absent := [name for name in columns if name not in header]:
        found = ", ".join(header) or "an empty file"
        do = f"add the column(s) {', '.join(absent)}, or fetch the table again"
        raise VoxJaxError(mismatch(str(path), "columns " + ", ".join(columns), found, do))
    if repeated := sorted({name for name in once if header.count(name) > 1}):
        found = ", ".join(repeated) + " more than once"
        raise VoxJaxError(mismatch(str(path), "each column once", found, "remove or rename one"))
    return [Row(number, _values(path, number, header, line)) for number, line in numbered[1:]]


def _values(path: Path, number: int, header: list[str], line: list[str]) -> dict[str, str]:
    if len(line) != len(header):
        what, do = f"{path}, line {number}", "quote values that hold the delimiter"
        raise VoxJaxError(mismatch(what, f"{len(header)} values", str(len(line)), do))
    return {name: value.strip() for name, value in zip(header, line, strict=True)}
