"""Time series in CSV tables: read, resampled to a fixed rate, and cut to the clip."""

import csv
import math
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from voxjax.errors import VoxJaxError, mismatch
from voxjax.modalities.value import ModalityValue

TIMES = ("time_s", "timestamp")  # columns of times, in seconds


class Series(NamedTuple):
    """Columns of numbers; NaN where a cell is empty."""

    names: tuple[str, ...]
    values: Float[np.ndarray, "T D"]  # float64
    times_s: Float[np.ndarray, " T"] | None  # float64, rising; None without such a column


def read(path: Path, wanted: Callable[[str], object]) -> Series:
    """The columns of a CSV file that `wanted` accepts, sorted by name.

    Raises:
        VoxJaxError: at a file that is missing or not a table, without such a column or without rows, at a cell that is
            not a number, or at times out of order.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = [[cell.strip() for cell in row] for row in csv.reader(file) if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        do = "check the path and the file"
        raise VoxJaxError(mismatch(str(path), "a table (CSV in UTF-8)", error, do)) from error
    header, body = (rows[0], rows[1:]) if rows else ([], [])
    chosen = sorted((i for i, name in enumerate(header) if name not in TIMES and wanted(name)), key=header.__getitem__)
    if not chosen or not body:
        found = "no row" if chosen else ", ".join(header) or "an empty file"
        do = "name its columns in the first line"
        raise VoxJaxError(mismatch(str(path), "columns of numbers under known names", found, do))
    time_column = [i for i, name in enumerate(header) if name in TIMES][:1]
    table = np.array([_numbers(path, line, header, row, [*chosen, *time_column]) for line, row in enumerate(body, 2)])
    times_s = table[:, -1] if time_column else None
    if times_s is not None and not (np.isfinite(times_s[0]) and np.all(np.diff(times_s) > 0)):
        raise VoxJaxError(
            mismatch(f"{path}: {header[time_column[0]]}", "rising times", "times out of order", "sort the rows")
        )
    return Series(tuple(header[i] for i in chosen), table[:, : len(chosen)], times_s)


def resampled(path: Path, series: Series, rate_hz: float, duration_s: float) -> ModalityValue:
    """Linear interpolation at a fixed rate over the clip: `[T, D]`. Gaps are interpolated, ends extended.

    Args:
        path: for messages.
        series: with times.
        rate_hz: of the result.
        duration_s: of the clip, which begins at time 0; infinite uses the whole series.

    Raises:
        VoxJaxError: without times, where a column has no number, or the series lies outside the clip.
    """
    if series.times_s is None:
        do = "add it, in seconds from the clip's beginning"
        raise VoxJaxError(mismatch(str(path), "a column " + " or ".join(TIMES), "none", do))
    if series.times_s[-1] < 0 or series.times_s[0] > duration_s:
        found = f"{series.times_s[0]:g} to {series.times_s[-1]:g} s"
        do = "give times relative to the clip's beginning"
        raise VoxJaxError(mismatch(str(path), f"times within the clip, 0 to {duration_s:g} s", found, do))
    end_s = duration_s if math.isfinite(duration_s) else series.times_s[-1]
    at = np.arange(max(1, round(end_s * rate_hz))) / rate_hz
    columns = []
    for name, values in zip(series.names, series.values.T, strict=True):
        present = np.isfinite(values)
        if not present.any():
            raise VoxJaxError(mismatch(f"{path}: {name}", "at least one number", "none", "leave the file out"))
        columns.append(np.interp(at, series.times_s[present], values[present]))
    return ModalityValue(np.stack(columns, axis=1), series.names)


def _numbers(path: Path, line: int, header: list[str], row: list[str], chosen: list[int]) -> list[float]:
    if len(row) != len(header):
        do = "give each row one cell per column"
        raise VoxJaxError(mismatch(f"{path}, line {line}", f"{len(header)} cells", len(row), do))
    return [_number(path, line, header[i], row[i]) for i in chosen]


def _number(path: Path, line: int, name: str, cell: str) -> float:
    try:
        return float(cell or "nan")
    except ValueError as error:
        what = f"{path}, line {line}, {name}"
        raise VoxJaxError(mismatch(what, "a number", f"'{cell}'", "correct it, or leave the cell empty")) from error
