"""A user's own recordings: a table of files and labels."""

import csv
import json
import os
from pathlib import Path

from voxjax.audio import search
from voxjax.data.corpora import file_names, rows
from voxjax.data.manifest import FILES, UNKNOWN_SPEAKER, Clip, parse_votes
from voxjax.errors import VoxJaxError, mismatch
from voxjax.names import existing
from voxjax.storage.safe_text import original

NOTE = "Own recordings: their licence and the speakers' consent are the user's to state."

_REQUIRED = ("path", "emotion")
_ALLOWED = (
    *("path", "speaker", "gender", "emotion", "statement", "intensity", "repetition", "votes", "text"),
    *("face", "physio"),
)
_DELIMITERS = ",;\t"


def find(data_dir: Path) -> list[Clip]:
    """Clips of the tables `data_dir/csv/*.csv`, or where there is no such folder, of `data_dir/*.csv`.

    Columns `path` (relative to the table, or absolute but below `data_dir`) and `emotion` are required. Optional
    are `speaker`, `gender`, `statement`, `intensity`, `repetition`, `votes`, `text` (the transcript), and `face`
    and `physio` (files, as `path`); cells may be empty. Further columns are kept for `predictions.csv`. Without a
    speaker it is "unknown", and protocols by speaker raise an error. Columns are separated by commas, semicolons or
    tabs.

    Raises:
        VoxJaxError: without a table or a required column, at a column that is there twice, at an empty label, at files
            that are missing or no audio (with their lines), at malformed votes, at a file that is listed twice, or
            with fewer than two labels.
    """
    folder = data_dir / "csv" if (data_dir / "csv").is_dir() else data_dir
    tables = sorted(path for path in folder.glob("*.csv") if not search.is_leftover(path.name))
    if not tables:
        do = "write one with the columns path and emotion"
        raise VoxJaxError(mismatch("corpus 'csv'", "a table *.csv", f"none in {folder}", do))
    clips = [clip for table in tables for clip in _clips(data_dir, table)]
    file_names.check_unique("csv", data_dir, [(clip.path, data_dir / clip.path) for clip in clips])
    if len({clip.emotion for clip in clips}) < 2:
        found = f"{len(clips)} clips of {len({clip.emotion for clip in clips})} label(s)"
        raise VoxJaxError(mismatch(str(folder), "clips of at least two emotions", found, "list more"))
    return clips


def _clips(data_dir: Path, table: Path) -> list[Clip]:
    listed = rows.read(table, _delimiter(table), _REQUIRED, "csv", once=_ALLOWED)
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
    if not row.values["emotion"]:
        raise VoxJaxError(mismatch(what, "an emotion", "none", "fill it in or remove the row"))
    path = _named_file(table, row.values["path"])
    if not path.is_file() or not search.is_sound(path):
        found = f"'{row.values['path']}', which is " + ("no sound file" if path.is_file() else "not there")
        raise VoxJaxError(mismatch(what, "a sound file, its path given from the table's folder", found, "correct it"))
    root, place = _below(data_dir, path, what)
    about = {name: row.values[name] for name in _ALLOWED if name in row.values and name not in (*_REQUIRED, "speaker")}
    if "votes" in about:
        parse_votes(what, about["votes"])
    for name in set(FILES) & {name for name, value in about.items() if value}:
        about[name] = _related_file(data_dir, table, about[name], f"{what}, {name}")
    if further := {name: value for name, value in row.values.items() if name and name not in _ALLOWED}:
        about["own_columns"] = json.dumps(further, allow_nan=False)
    speaker = row.values["speaker"] if "speaker" in row.values else ""
    return file_names.clip(root, place, "csv", speaker or UNKNOWN_SPEAKER, row.values["emotion"], **about)


def _named_file(table: Path, value: str) -> Path:
    r"""The file of a cell, relative to the table; a name that is not UTF-8 is given as VoxJAX writes it, `caf\xe9.wav`.

    `folder/../other` is `other`, also where `folder` is a link.
    """
    names = [value.encode("utf-8", "surrogateescape"), original(value).encode("utf-8", "surrogateescape")]
    paths = [table.parent.absolute() / os.fsdecode(name) for name in names]  # in the encoding of this computer
    paths = [existing(place) for path in paths for place in (Path(os.path.normpath(path)), path)]
    return next((path for path in paths if os.path.isfile(path)), paths[0])


def _related_file(data_dir: Path, table: Path, value: str, what: str) -> str:
    """The path of a face or physiology file relative to `data_dir`."""
    path = _named_file(table, value)
    if not path.is_file():
        do = "correct it, or leave the cell empty"
        raise VoxJaxError(mismatch(what, "a file, its path given from the table's folder", f"'{value}'", do))
    root, place = _below(data_dir, path, what)
    return place.relative_to(root).as_posix()


def _below(data_dir: Path, path: Path, what: str) -> tuple[Path, Path]:
    """The data folder and a path below it, under the names that the user gave, else under their real ones."""
    for root, place in ((data_dir.absolute(), path), (data_dir.resolve(), path.resolve())):
        if place.is_relative_to(root) and ".." not in place.parts:
            return root, place
    raise VoxJaxError(mismatch(what, f"a file below {data_dir}", str(path), "move it, or give a higher --data_dir"))
