"""Checks the guide's feature table against its corpus: shape, counts, numbers, and the clip of each row."""

import collections
import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from voxjax.audio import vector
from voxjax.data.manifest import Manifest
from voxjax.errors import VoxJaxError, mismatch
from voxjax.pipeline.feature_table import COLUMNS
from voxjax.storage import checksum, csv_text, sums

_SHOWN = 5


class Checked(NamedTuple):
    """The result as lines, and the number of faults."""

    lines: list[str]
    faults: int


class _Rows(NamedTuple):
    values: Float[np.ndarray, "rows 392"]  # float64
    labels: list[str]
    speakers: list[str]
    clips: list[str]
    copies: list[str]


def check(path: Path, manifest: Manifest) -> Checked:
    """Checks a table that `preprocess.py` wrote for this corpus.

    Rows are identified by clip and copy and not by their position, so that the table may be in any order, and a
    wrong label of a row is found.

    Raises:
        VoxJaxError: at a file that is missing or is not a feature table.
    """
    rows = _read(path)
    copies = len(set(rows.copies))
    shape = f"{len(rows.clips):,} x {vector.SIZE}"
    lines = [f"{path}: {shape} numbers, of {len(set(rows.clips)):,} clips with {copies - 1} copies each"]
    lines += [f"  {label:<16}{n:>7}" for label, n in sorted(collections.Counter(rows.labels).items())]
    faults = [*_bytes(path), *_shape(rows, manifest, copies), *_identity(rows, manifest), *_numbers(rows)]
    return Checked([*lines, *(f"fault: {fault}" for fault in faults), *([] if faults else ["no faults"])], len(faults))


def _read(path: Path) -> _Rows:
    try:
        with path.open(newline="", encoding="utf-8") as file:
            head, *rows = csv.reader(file)
    except (OSError, ValueError, UnicodeDecodeError) as error:
        do = "write it with scripts/preprocess.py --out=FILE.csv"
        raise VoxJaxError(mismatch(str(path), "a feature table", str(error) or "an empty file", do)) from error
    if tuple(head) != COLUMNS:
        missing = [name for name in COLUMNS if name not in head]
        found = f"{len(head)} columns" + (f", without {', '.join(missing[:3])}" if missing else "")
        do = "write it with scripts/preprocess.py"
        raise VoxJaxError(mismatch(str(path), f"{len(COLUMNS)} columns as scripts/preprocess.py writes", found, do))
    for number, row in enumerate(rows, 2):
        if len(row) != len(COLUMNS):
            do = "write the table again"
            raise VoxJaxError(mismatch(f"{path}, line {number}", f"{len(COLUMNS)} cells", str(len(row)), do))
    try:
        values = np.array([row[: vector.SIZE] for row in rows], np.float64).reshape(-1, vector.SIZE)
    except ValueError as error:
        raise VoxJaxError(mismatch(str(path), "numbers", str(error), "write the table again")) from error
    about = ([csv_text.original(row[k]) for row in rows] for k in range(vector.SIZE, len(COLUMNS)))
    labels, speakers, clips, copies = about
    return _Rows(values, labels, speakers, clips, copies)


def _bytes(path: Path) -> Iterator[str]:
    """Whether the table is the one that was written, where its digest lies beside it."""
    beside = sums.beside(path)
    if beside.is_file() and sums.parsed(beside.read_bytes()) != {path.name: checksum.digest(path, "sha256")}:
        yield mismatch(str(path), f"the SHA-256 in {beside.name}", "another", "write the table again")


def _shape(rows: _Rows, manifest: Manifest, copies: int) -> Iterator[str]:
    expected = len(manifest) * copies
    if len(rows.clips) != expected:
        yield mismatch(
            "rows", f"{expected:,} ({len(manifest):,} clips x {copies})", f"{len(rows.clips):,}", "see below"
        )


def _identity(rows: _Rows, manifest: Manifest) -> Iterator[str]:
    """Faults of identity: duplicate, missing and unknown rows, and rows with another label or speaker."""
    known = {clip.clip_id: clip for clip in manifest.clips}
    pairs = collections.Counter(zip(rows.clips, rows.copies, strict=True))
    wanted = {(path, copy) for path in known for copy in set(rows.copies)}
    yield from _fault("rows that stand there twice", [f"{c} copy {k}" for (c, k), n in pairs.items() if n > 1])
    yield from _fault("rows that are missing", [f"{c} copy {k}" for c, k in sorted(wanted - pairs.keys())])
    yield from _fault("rows of clips that the corpus lacks", sorted({c for c in rows.clips if c not in known}))
    wrong = [
        f"{path} copy {copy}: {label} of {speaker}, not {known[path].emotion} of {known[path].speaker}"
        for path, copy, label, speaker in zip(rows.clips, rows.copies, rows.labels, rows.speakers, strict=True)
        if path in known and (label, speaker) != (known[path].emotion, known[path].speaker)
    ]
    yield from _fault("rows with another label or speaker than their clip's", wrong)


def _numbers(rows: _Rows) -> Iterator[str]:
    """Faults of numbers: non-finite ones, and constant columns."""
    bad = ~np.isfinite(rows.values)
    at = [f"{rows.clips[row]} copy {rows.copies[row]}, {COLUMNS[column]}" for row, column in np.argwhere(bad)]
    yield from _fault("numbers that are not finite", at)
    if len(rows.values) > 1:
        constant = np.flatnonzero(np.ptp(np.where(bad, 0.0, rows.values), axis=0) == 0.0)
        yield from _fault("columns that are the same in every row", [COLUMNS[k] for k in constant])


def _fault(what: str, found: Sequence[str]) -> Iterator[str]:
    if found:
        more = f", and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
        yield f"{len(found)} {what}: {'; '.join(found[:_SHOWN])}{more}"
