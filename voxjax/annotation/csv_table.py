"""CSV tables of segments: `start`, `end`, and where there are such columns `speaker`, `file` and the user's own."""

import csv
import io
import math
import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from voxjax.annotation import base
from voxjax.annotation.spans import Span
from voxjax.errors import VoxJaxError, mismatch
from voxjax.storage import csv_text

_FILE = ("file", "path")
_DELIMITERS = ",;\t"
_TIMEDELTA = re.compile(r"(?:(\d+) days? )?(?:\+)?(\d+):([0-5]\d):([0-5]\d(?:\.\d+)?)")
_DECIMAL_COMMA = re.compile(r"[-+]?\d+,\d+")
_MISSING = ("", "NaT")


class _Row(NamedTuple):
    where: str
    values: Mapping[str, str]


def recognises(text: str) -> bool:
    """Whether the first line has columns named start and end."""
    header = _first_line(text)
    return {"start", "end"} <= {_known(name) for name in header.split(_delimiter(header))}


def read(content: base.SegmentText) -> base.Recordings:
    """The spans of a table, in its order.

    Columns are separated by commas, semicolons or tabs. A time is seconds, or `H:MM:SS` with or without decimals
    (`0 days 00:00:01.5` too). Where the delimiter is no comma, all times may have a decimal comma.

    Raises:
        VoxJaxError: at a missing or repeated column, at a row of another length, at a time that is none, at an end
            that is not after the start, at a file that is named in some rows only; with the line.
    """
    return _spans(content, open_ends=False)


def read_open_ends(content: base.SegmentText) -> base.Recordings:
    """As `read`, where an empty end is the end of the recording, and becomes an infinite one."""
    return _spans(content, open_ends=True)


def _spans(content: base.SegmentText, open_ends: bool) -> base.Recordings:
    delimiter = _delimiter(_first_line(content.text))
    rows = list(_rows(content, delimiter))
    if not rows:
        raise VoxJaxError(mismatch(content.name, "segments", "a header without rows", "add a row for each segment"))
    decimal = _decimal(rows, delimiter)
    found: base.Recordings = {}
    for row in rows:
        span, file = _span(row, decimal, open_ends)
        found.setdefault(file, []).append(span)
    return found


def _span(row: _Row, decimal: str, open_ends: bool) -> tuple[Span, str]:
    """The span of a row, and the recording's name."""
    start, end = (row.values[name].strip() for name in ("start", "end"))
    start_s = _time(f"{row.where}, start", start, decimal)
    end_s = math.inf if open_ends and end in _MISSING else _time(f"{row.where}, end", end, decimal)
    named = [row.values[name].strip() for name in _FILE if name in row.values]
    if named and not named[0]:
        raise VoxJaxError(mismatch(row.where, "the name of a recording", "an empty cell", "fill it in"))
    speaker = row.values["speaker"].strip() if "speaker" in row.values else ""
    own = {name: value for name, value in row.values.items() if name not in ("start", "end", "speaker", *_FILE)}
    return base.span(row.where, start_s, end_s, speaker, own), named[0] if named else ""


def _rows(content: base.SegmentText, delimiter: str) -> Iterator[_Row]:
    """Each row that is not empty, with its first line in the file."""
    reader = csv.reader(io.StringIO(content.text, newline=""), delimiter=delimiter, strict=True)
    header: list[str] = []
    line = 1
    try:
        for cells in reader:
            where, line = f"{content.name}, line {line}", reader.line_num + 1
            cells = [csv_text.original(cell) for cell in cells]
            if not any(cell.strip() for cell in cells):
                continue
            if not header:
                header = _header(where, cells)
            elif len(cells) != len(header):
                do = "quote values that hold the delimiter; a decimal comma needs semicolons between columns"
                raise VoxJaxError(mismatch(where, f"{len(header)} values", len(cells), do))
            else:
                yield _Row(where, dict(zip(header, cells, strict=True)))
    except csv.Error as error:
        found = f"{error}, in the row that begins there"
        raise VoxJaxError(mismatch(f"{content.name}, line {line}", "a CSV table", found, "correct it")) from error


def _header(where: str, cells: list[str]) -> list[str]:
    """Names of the columns, known ones in lower case."""
    header = [_known(name) for name in cells]
    listed = ", ".join(base.quoted(name) for name in cells)
    if absent := [name for name in ("start", "end") if name not in header]:
        do = f"name the column(s) {', '.join(absent)}, with times in seconds"
        raise VoxJaxError(mismatch(where, "columns start and end", listed, do))
    if len(set(header)) < len(header) or {"file", "path"} <= set(header):
        expected = "each column once, and one of file and path"
        raise VoxJaxError(mismatch(where, expected, listed, "remove or rename one"))
    return header


def _first_line(text: str) -> str:
    """The first line that is not empty."""
    return text.lstrip("\n").partition("\n")[0]


def _known(name: str) -> str:
    """The name of a column: in lower case if it is one with a meaning."""
    name = name.strip().strip('"')
    return name.lower() if name.lower() in ("start", "end", "speaker", *_FILE) else name


def _delimiter(header: str) -> str:
    """The delimiter that the header uses most."""
    return max(_DELIMITERS, key=header.count)


def _decimal(rows: list[_Row], delimiter: str) -> str:
    """The decimal sign of all times: "," if one of them has it and may have it, else "."."""
    times = [(row.where, row.values[name].strip()) for row in rows for name in ("start", "end")]
    with_comma = [(where, time) for where, time in times if _DECIMAL_COMMA.fullmatch(time)]
    if not with_comma or delimiter == ",":
        return "."
    if any("." in time for _, time in times):
        where, time = with_comma[0]
        found, do = f"'{time}', and points in other times", "write all times as 1.5"
        raise VoxJaxError(mismatch(f"{where}, times", "one decimal sign in the whole file", found, do))
    return ","


def _time(where: str, value: str, decimal: str) -> float:
    """Seconds of a time."""
    if parts := _TIMEDELTA.fullmatch(value):
        days, hours, minutes = (int(part or 0) for part in parts.groups()[:3])
        return ((days * 24 + hours) * 60 + minutes) * 60 + float(parts[4])
    return base.seconds(where, value.replace(",", ".") if decimal == "," else value)
