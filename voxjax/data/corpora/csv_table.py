"""A user's own recordings: one table that names files and labels."""

import csv
from pathlib import Path

from voxjax.audio import io
from voxjax.data.corpora import file_names, rows
from voxjax.data.manifest import FIELDS, FILES, UNKNOWN_SPEAKER, Clip, parse_votes
from voxjax.errors import VoxJaxError, mismatch

NOTE = "Own recordings: their licence and the speakers' consent are the user's to state."

_NEEDED = ("path", "emotion")
_DERIVED = ("corpus", "sha256", "audio_hash", "augmented_copy")  # never read from a table
_ALLOWED = tuple(name for name in FIELDS if name not in _DERIVED)
_DELIMITERS = ",;\t"


def find(data_dir: Path) -> list[Clip]:
    """Clips of the tables `data_dir/csv/*.csv`, or where there is no such folder, of `data_dir/*.csv`.

    Columns `path` (beside the table, or absolute but below `data_dir`) and `emotion` are needed; `speaker`,
    `gender`, `statement`, `intensity`, `repetition` and `votes` may be there, and so may `text` (the transcript),
    `face` and `physio` (files, named as sounds are), whose cells are empty where a clip lacks them. Without a speaker
    it is "unknown", and protocols by speaker refuse the corpus. Commas, semicolons and tabs are understood.

    Raises:
        VoxJaxError: without a table, at other columns, at an empty label, at files that are missing or no
            sound (with their lines), at malformed votes, at a file that is listed twice, or with fewer than two labels.
    """
    folder = data_dir / "csv" if (data_dir / "csv").is_dir() else data_dir
    tables = sorted(folder.glob("*.csv"))
    if not tables:
        do = "write one with the columns path and emotion"
        raise VoxJaxError(mismatch("corpus 'csv'", "a table *.csv", f"none in {folder}", do))
    clips = [clip for table in tables for clip in _clips(data_dir, table)]
    file_names.refuse_twins("csv", folder, [(clip.path, data_dir / clip.path) for clip in clips])
    if len({clip.emotion for clip in clips}) < 2:
        found = f"{len(clips)} clips of {len({clip.emotion for clip in clips})} label(s)"
        raise VoxJaxError(mismatch(str(folder), "clips of at least two emotions", found, "list more"))
    return clips


def _clips(data_dir: Path, table: Path) -> list[Clip]:
    listed = rows.read(table, _delimiter(table), _NEEDED, "csv")
    if others := sorted({name for row in listed[:1] for name in row.values} - set(_ALLOWED)):
        expected = "columns among " + ", ".join(_ALLOWED)
        raise VoxJaxError(mismatch(str(table), expected, ", ".join(others), "rename or remove them"))
    return [_clip(data_dir, table, row) for row in listed]


def _delimiter(table: Path) -> str:
    """The one that the header uses most."""
    with table.open(encoding="utf-8-sig", errors="replace") as file:
        header = file.readline()
    try:
        return csv.Sniffer().sniff(header, _DELIMITERS).delimiter
    except csv.Error:
        return max(_DELIMITERS, key=header.count)


def _clip(data_dir: Path, table: Path, row: rows.Row) -> Clip:
    what = f"{table.name}, line {row.line}"
    path = table.parent / row.values["path"]
    if not row.values["emotion"]:
        raise VoxJaxError(mismatch(what, "an emotion", "none", "fill it in or remove the row"))
    if not path.is_file() or not io.is_sound(path):
        found = f"'{row.values['path']}', which is " + ("no sound file" if path.is_file() else "not there")
        raise VoxJaxError(mismatch(what, "a sound file, its path given from the table's folder", found, "correct it"))
    place = _below(data_dir, path, what)
    about = {name: row.values[name] for name in _ALLOWED if name in row.values and name not in (*_NEEDED, "speaker")}
    if "votes" in about:
        parse_votes(what, about["votes"])
    for name in set(FILES) & {name for name, value in about.items() if value}:
        about[name] = _beside(data_dir, table, about[name], f"{what}, {name}")
    speaker = row.values["speaker"] if "speaker" in row.values else ""
    return file_names.clip(data_dir.resolve(), place, "csv", speaker or UNKNOWN_SPEAKER, row.values["emotion"], **about)


def _beside(data_dir: Path, table: Path, value: str, what: str) -> str:
    """A further file of a clip, as the manifest names it."""
    path = table.parent / value
    if not path.is_file():
        do = "correct it, or leave the cell empty"
        raise VoxJaxError(mismatch(what, "a file, its path given from the table's folder", f"'{value}'", do))
    return _below(data_dir, path, what).relative_to(data_dir.resolve()).as_posix()


def _below(data_dir: Path, path: Path, what: str) -> Path:
    if not path.resolve().is_relative_to(data_dir.resolve()):
        raise VoxJaxError(mismatch(what, f"a file below {data_dir}", str(path), "move it, or give a higher --data_dir"))
    return path.resolve()
