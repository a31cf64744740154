"""A user's own recordings: a table of files and labels."""

import csv
from pathlib import Path

from voxjax.audio import io
from voxjax.data.corpora import file_names, rows
from voxjax.data.manifest import FIELDS, FILES, UNKNOWN_SPEAKER, Clip, parse_votes
from voxjax.errors import VoxJaxError, mismatch
from voxjax.names import existing

NOTE = "Own recordings: their licence and the speakers' consent are the user's to state."

_REQUIRED = ("path", "emotion")
_DERIVED = ("corpus", "sha256", "audio_hash", "augmented_copy", "people", "recording")  # never read from a table
_ALLOWED = tuple(name for name in FIELDS if name not in _DERIVED)
_DELIMITERS = ",;\t"


def find(data_dir: Path) -> list[Clip]:
    """Clips of the tables `data_dir/csv/*.csv`, or where there is no such folder, of `data_dir/*.csv`.

    Columns `path` (relative to the table, or absolute but below `data_dir`) and `emotion` are required. Optional are
    `speaker`, `gender`, `statement`, `intensity`, `repetition`, `votes`, `text` (the transcript), and `face` and
    `physio` (files, as `path`); cells may be empty. Without a speaker it is "unknown", and protocols by speaker raise
    an error. Columns are separated by commas, semicolons or tabs.

    Raises:
        VoxJaxError: without a table, at other columns, at an empty label, at files that are missing or no
            audio (with their lines), at malformed votes, at a file that is listed twice, or with fewer than two labels.
    """
    folder = data_dir / "csv" if (data_dir / "csv").is_dir() else data_dir
    tables = sorted(folder.glob("*.csv"))
    if not tables:
        do = "write one with the columns path and emotion"
        raise VoxJaxError(mismatch("corpus 'csv'", "a table *.csv", f"none in {folder}", do))
    clips = [clip for table in tables for clip in _clips(data_dir, table)]
    file_names.check_unique("csv", folder, [(clip.path, data_dir / clip.path) for clip in clips])
    if len({clip.emotion for clip in clips}) < 2:
        found = f"{len(clips)} clips of {len({clip.emotion for clip in clips})} label(s)"
        raise VoxJaxError(mismatch(str(folder), "clips of at least two emotions", found, "list more"))
    return clips


def _clips(data_dir: Path, table: Path) -> list[Clip]:
    listed = rows.read(table, _delimiter(table), _REQUIRED, "csv")
    if unknown := sorted({name for row in listed[:1] for name in row.values} - set(_ALLOWED)):
        expected = "columns among " + ", ".join(_ALLOWED)
        raise VoxJaxError(mismatch(str(table), expected, ", ".join(unknown), "rename or remove them"))
    return [_clip(data_dir, table, row) for row in listed]


def _delimiter(table: Path) -> str:
    """The delimiter that the header uses most."""
    with table.open(encoding="utf-8-sig", errors="replace") as file:
        header = file.readline()
    try:
        return csv.Sniffer().sniff(header, _DELIMITERS).delimiter
    except csv.Error:
        return max(_DELIMITERS, key=header.count)


def _clip(data_dir: Path, table: Path, row: rows.Row) -> Clip:
    what = f"{table.name}, line {row.line}"
    path = existing(table.parent / row.values["path"])
    if not row.values["emotion"]:
        raise VoxJaxError(mismatch(what, "an emotion", "none", "fill it in or remove the row"))
    if not path.is_file() or not io.is_sound(path):
        found = f"'{row.values['path']}', which is " + ("no sound file" if path.is_file() else "not there")
        raise VoxJaxError(mismatch(what, "a sound file, its path given from the table's folder", found, "correct it"))
    place = _below(data_dir, path, what)
    about = {name: row.values[name] for name in _ALLOWED if name in row.values and name not in (*_REQUIRED, "speaker")}
    if "votes" in about:
        parse_votes(what, about["votes"])
    for name in set(FILES) & {name for name, value in about.items() if value}:
        about[name] = _related_file(data_dir, table, about[name], f"{what}, {name}")
    speaker = row.values["speaker"] if "speaker" in row.values else ""
    return file_names.clip(data_dir.resolve(), place, "csv", speaker or UNKNOWN_SPEAKER, row.values["emotion"], **about)


def _related_file(data_dir: Path, table: Path, value: str, what: str) -> str:
    """The path of a face or physiology file relative to `data_dir`."""
    path = existing(table.parent / value)
    if not path.is_file():
        do = "correct it, or leave the cell empty"
        raise VoxJaxError(mismatch(what, "a file, its path given from the table's folder", f"'{value}'", do))
    return _below(data_dir, path, what).relative_to(data_dir.resolve()).as_posix()


def _below(data_dir: Path, path: Path, what: str) -> Path:
    if not path.resolve().is_relative_to(data_dir.resolve()):
        raise VoxJaxError(mismatch(what, f"a file below {data_dir}", str(path), "move it, or give a higher --data_dir"))
    return path.resolve()
