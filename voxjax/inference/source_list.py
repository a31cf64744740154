"""What is to be predicted: sound files, all those in folders, and those of lists with the columns of each."""

import csv
import io
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from voxjax.audio import search
from voxjax.errors import VoxJaxError, mismatch
from voxjax.inference.formats import Answer
from voxjax.storage.safe_text import readable

STANDARD_INPUT = "-"
_LIST_SUFFIXES = {".txt", ".csv", ".tsv", ".lst", ".list"}
_TABLE_SUFFIXES = {".csv", ".tsv"}
_PATH_COLUMNS = ("path", "file", "filename", "file_name", "filepath", "file_path")  # in this order, in any case
_DELIMITERS = ",;\t"
_MOST_BYTES = 1 << 28  # of a list: millions of paths


class Entry(NamedTuple):
    """A sound file that is to be predicted, or the reason why it can't be.

    Attributes:
        name: of the file in its answer, as the user wrote it.
        path: where it lies.
        columns: the other columns of its row in a list.
        error: without the name; "" for none.
    """

    name: str
    path: str
    columns: Mapping[str, str]
    error: str = ""

    @property
    def answer(self) -> Answer:
        """Name and columns, as every answer has them."""
        return {"path": readable(self.name), **({"columns": dict(self.columns)} if self.columns else {})}


class Found(NamedTuple):
    """All that is to be predicted."""

    entries: list[Entry]  # in the order of the arguments
    columns: list[str]  # names of all columns of the lists, each once


def find(arguments: Sequence[str], lists: Sequence[str] = ()) -> Found:
    """The sound files of arguments and lists.

    Args:
        arguments: sound files, folders, `-` for a list on standard input, and lists by their suffix (`.txt`, `.csv`,
            `.tsv`, `.lst`, `.list`) if their content is text.
        lists: files that are lists whatever their suffix.

    Raises:
        VoxJaxError: at a list that can't be read or has no paths, and a table without a column of paths.
    """
    entries: list[Entry] = []
    for argument in arguments:
        if argument == STANDARD_INPUT or _is_list(Path(argument)):
            entries += _listed(argument)
        else:
            entries += _expanded(str(Path(argument)), Path(argument), {})
    for argument in lists:
        entries += _listed(argument)
    return Found(entries, list(dict.fromkeys(name for entry in entries for name in entry.columns)))


def _is_list(path: Path) -> bool:
    """Whether a file is a list by its suffix and its content."""
    if path.suffix.lower() not in _LIST_SUFFIXES or not path.is_file():
        return False
    with path.open("rb") as file:
        return _is_text(file.read(4_096))


def _is_text(data: bytes) -> bool:
    return data.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" not in data


def _listed(argument: str) -> Iterator[Entry]:
    """The entries of one list. A relative path is taken from the folder of the list, else from the current one."""
    name = "standard input" if argument == STANDARD_INPUT else argument
    text = _text(argument, name)
    folder = Path() if argument == STANDARD_INPUT else Path(argument).parent
    rows = list(_rows(text, name, Path(argument).suffix.lower() in _TABLE_SUFFIXES))
    if not rows:
        raise VoxJaxError(mismatch(name, "a list of sound files, one path a line", "no path", "add some"))
    for written, columns in rows:
        path = folder / written
        yield from _expanded(written, path if path.exists() else Path(written), columns)


def _text(argument: str, name: str) -> str:
    """The content of a list."""
    if argument == STANDARD_INPUT:
        data = sys.stdin.buffer.read(_MOST_BYTES + 1)
    else:
        try:
            with open(argument, "rb") as file:
                data = file.read(_MOST_BYTES + 1)
        except OSError as error:
            do = "check the path and its permissions"
            raise VoxJaxError(mismatch(name, "a list of sound files", error.strerror, do)) from error
    if len(data) > _MOST_BYTES or not _is_text(data):
        found = "binary data" if len(data) <= _MOST_BYTES else f"more than {_MOST_BYTES >> 20} MB"
        raise VoxJaxError(mismatch(name, "a list of sound files as text", found, "write one path a line"))
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):  # as spreadsheets write "Unicode text"
        return data.decode("utf-16", "replace")
    return data.decode("utf-8", "surrogateescape").removeprefix("\ufeff")


def _rows(text: str, name: str, is_table: bool) -> Iterator[tuple[str, Mapping[str, str]]]:
    """Paths of a list with the other columns of each.

    A text whose first line names a column of paths is a table. Else each line is a path.
    """
    head = next((line for line in text.splitlines() if line.strip()), "")
    found = next((pair for pair in ((mark, _path_column(head, mark)) for mark in _DELIMITERS) if pair[1]), None)
    if found is not None:
        yield from _table(text, name, *found)
    elif is_table and head:
        do = f"name the column with the paths {_PATH_COLUMNS[0]}"
        raise VoxJaxError(mismatch(name, f"a column {' or '.join(_PATH_COLUMNS[:3])}", f"the line {head[:80]!r}", do))
    else:
        yield from ((line, {}) for line in text.replace("\r\n", "\n").split("\n") if line.strip())


def _path_column(head: str, delimiter: str) -> str:
    """The name of the column with paths; "" for none."""
    names = next(csv.reader([head], delimiter=delimiter))
    return next((name for known in _PATH_COLUMNS for name in names if name.strip().lower() == known), "")


def _table(text: str, name: str, delimiter: str, column: str) -> Iterator[tuple[str, Mapping[str, str]]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        head, *rows = [cells for cells in reader if any(cell.strip() for cell in cells)]
    except csv.Error as error:
        raise VoxJaxError(mismatch(name, "a table as CSV", str(error), "write it again")) from error
    names = [one.strip() or f"column{i + 1}" for i, one in enumerate(head)]
    at = head.index(column)
    if len(set(names)) < len(names):
        found = f"the line {delimiter.join(head)[:80]!r}"
        raise VoxJaxError(mismatch(name, "columns with different names", found, "rename the second"))
    for i, cells in enumerate(rows):
        if len(cells) > len(names) and any(cells[len(names) :]):
            found = f"{len(cells)} cells in row {i + 1} after the names"
            raise VoxJaxError(mismatch(name, f"{len(names)} cells in each row", found, "quote cells with separators"))
        values = [*cells, *[""] * (len(names) - len(cells))][: len(names)]
        columns = {key: value for j, (key, value) in enumerate(zip(names, values, strict=True)) if j != at}
        yield values[at], columns


def _expanded(name: str, path: Path, columns: Mapping[str, str]) -> Iterator[Entry]:
    """The file itself, or all sounds below a folder and an error for what of it can't be used."""
    if not name.strip():
        yield Entry(
            name, "", columns, mismatch("path", "a sound file", "an empty cell", "fill it in").split(": ", 1)[1]
        )
        return
    if not path.is_dir():
        yield Entry(name, str(path), columns)
        return
    found = search.search(path)
    search.report(path, found.left_out)
    errors = {str(one): ("a folder that can be opened", reason) for one, reason in found.unreadable.items()}
    if not found.files and not errors:
        left_out = search.description(path, found.left_out)
        errors[str(path)] = ("sound files", f"none; left out: {left_out}" if left_out else "none")
    for place, (expected, reason) in errors.items():
        shown = readable(_renamed(place, path, name))
        error = mismatch(shown, expected, readable(reason), "check the path and its permissions")
        yield Entry(_renamed(place, path, name), place, columns, error.removeprefix(f"{shown}: "))
    for file in found.files:
        yield Entry(_renamed(str(file), path, name), str(file), columns)


def _renamed(place: str, folder: Path, name: str) -> str:
    """A path in a folder that the user has called by another name."""
    return place if str(folder) == name else os.path.normpath(os.path.join(name, os.path.relpath(place, folder)))
