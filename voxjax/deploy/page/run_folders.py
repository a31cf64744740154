"""Finished runs that visitors may look at, by name, and the sounds of their test clips: visitors name no paths."""

import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from voxjax.audio.limits import AudioLimits
from voxjax.data.corpora import GENERATED
from voxjax.errors import VoxJaxError, mismatch
from voxjax.evaluation import compare_runs
from voxjax.evaluation.compare_runs import Run
from voxjax.evaluation.learning_curve_diagnostics import read as read_history
from voxjax.storage import paths, sums
from voxjax.storage.paths import AnyPath, locate, reaching

_REPORT = "report/metrics.json"
_HISTORY = "../metrics.jsonl"  # from the report
_LEVELS = ("*", "*/*")  # below the folder that the page was started with
_MOST = 500  # runs that are listed
_COPY = re.compile(r"#\d+$")  # of an augmented copy's name; the recording itself is played
_PLAYED = {".wav": "audio/wav", ".flac": "audio/flac", ".mp3": "audio/mpeg", ".ogg": "audio/ogg", ".m4a": "audio/mp4"}


class FinishedRun(NamedTuple):
    """A run as it was left."""

    report: Run
    history: list[dict[str, Any]]  # rows of metrics.jsonl, one per epoch; empty where nothing was trained in epochs


class Sound(NamedTuple):
    """A sound file as a browser plays it."""

    content: bytes
    mime: str


def find(root: str) -> dict[str, AnyPath]:
    """Folders of finished runs by name, sorted.

    Args:
        root: a run, or a folder of runs; runs up to two levels below it are found.

    Raises:
        VoxJaxError: at a bucket that is not reached.
    """
    folder = locate(root)
    with reaching(folder):
        if (folder / _REPORT).is_file():
            return {folder.name or "run": folder}
        runs = {path for level in _LEVELS for path in folder.glob(level) if (path / _REPORT).is_file()}
        return {path.relative_to(folder).as_posix(): path for path in sorted(runs)[:_MOST]}


def changed(folder: AnyPath) -> float:
    """When a run's report was written, in seconds, so that a newer one is read again."""
    with reaching(folder):
        return float((folder / _REPORT).stat().st_mtime)


def read(folder: AnyPath) -> FinishedRun:
    """The report and the history of a run.

    Raises:
        VoxJaxError: at a damaged report or history.
    """
    report = compare_runs.read(folder)
    do = "copy the run whole"
    files = sums.read(folder / "report", [_HISTORY], do)
    try:
        return FinishedRun(report, read_history(files[_HISTORY]) if _HISTORY in files else [])
    except ValueError as error:
        raise VoxJaxError(mismatch(str(folder / "metrics.jsonl"), "a JSON object a line", error, do)) from error


def roots(data_dir: str, corpus: str) -> list[Path]:
    """Folders in which the sounds of a corpus are looked for."""
    given = [Path(data_dir)] if data_dir else []
    return given + ([paths.cache_dir()] if {*corpus.split("+")} & {*GENERATED} else [])


def sound(clip: str, folders: Sequence[Path], limits: AudioLimits) -> Sound | None:
    """The sound of a test clip; None where it is not below these folders, is too large, or is of a kind unknown here.

    Args:
        clip: as `predictions.csv` names it: a path below the data folder or, of joined corpora, from the disk's top.
        folders: to look in.
        limits: on a sound.
    """
    parts = PurePosixPath(_COPY.sub("", clip)).parts
    if ".." in parts or PurePosixPath(clip).is_absolute():
        return None
    for folder in folders:
        for start in range(max(1, len(parts) - 1)):  # without a file's name alone, which several clips may have
            path = folder.joinpath(*parts[start:])
            if path.is_file() and path.suffix.lower() in _PLAYED and path.stat().st_size <= limits.max_file_bytes:
                return Sound(path.read_bytes(), _PLAYED[path.suffix.lower()])
    return None
