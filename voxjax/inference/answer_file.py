"""A file of answers that grows while they are computed, and that a second call completes after an interruption.

Beside `FILE` lies `FILE.progress` until all answers are there. Its first line says what the answers depend on, and
each further one how far the file is complete: entries, failures, and the bytes with their SHA-256. Each line has a
digest of its own. A call with the same request cuts `FILE` back to the last whole line of these and goes on from there.
As entries are computed in the same groups, the file has the same bytes in the end as that of an unbroken call.
"""

import contextlib
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from voxjax import interruption
from voxjax.errors import VoxJaxError, mismatch
from voxjax.inference import prediction_lines
from voxjax.inference.predictor import EmotionPredictor
from voxjax.storage import atomic, file_lock, sealed_json
from voxjax.storage.paths import locate
from voxjax.version import __version__

_DO = "give the same arguments and flags, start again with --restart, or name another --out"


class Checkpoint(NamedTuple):
    """How far a file is complete."""

    entries: int = 0  # answered
    failed: int = 0  # of them
    bytes: int = 0  # of the file
    sha256: str = hashlib.sha256().hexdigest()  # of these bytes


class Outcome(NamedTuple):
    """What came of a call."""

    failed: int
    answered_before: int  # entries that an earlier call has answered


def write(
    path: Path,
    predictor: EmotionPredictor,
    wanted: prediction_lines.Plan,
    settings: Mapping[str, object],
    progress: Callable[[int], object],
    restart: bool = False,
) -> Outcome:
    """Writes all answers, and only those that are missing where an earlier call was interrupted.

    Args:
        path: of the file. Without an interrupted call it is replaced if it exists.
        predictor: the model.
        wanted: what is predicted.
        settings: all else that answers depend on, by the name of its flag.
        progress: called with the number of entries answered since the last call, those of earlier calls first.
        restart: whether answers of an interrupted call are dropped.

    Raises:
        VoxJaxError: if another process writes the file, if the file is of another call, and as `prediction_lines`.
        OSError: if the disk is full or the file can't be written; a further call goes on from there.
    """
    log = path.with_name(f"{path.name}.progress")
    with file_lock.locked(log), interruption.ending_with("the same command goes on"):
        identity = _identity(predictor, wanted, settings)
        rows = None if restart else _valid_rows(path, log, identity)
        if rows is None:
            atomic.write(path, "")
            atomic.cut(log, 0)  # the log stays the same file, as it carries the lock
            atomic.append(log, _line(identity))
        last = Checkpoint(**_content(rows[-1]) or {}) if rows and len(rows) > 1 else Checkpoint()
        if rows is not None:
            atomic.cut(path, last.bytes)
            atomic.cut(log, len("".join(rows).encode()))
        progress(last.entries)
        failures: list[str] = []
        for block in _appended(path, log, predictor, wanted, last):
            failures += block.failures
            progress(block.answered)
        failed = prediction_lines.count_failures(wanted, failures, last.failed + len(failures))
        atomic.cut(log, 0)  # an empty log is of no interrupted call
        with contextlib.suppress(PermissionError):  # on Windows, where an open file can't be deleted
            log.unlink()
    return Outcome(failed, last.entries)


def _appended(
    path: Path, log: Path, predictor: EmotionPredictor, wanted: prediction_lines.Plan, last: Checkpoint
) -> Iterator[prediction_lines.Block]:
    """Each further block, once it is in the file and in the log."""
    digest = hashlib.sha256(path.read_bytes())
    for block in prediction_lines.blocks(predictor, wanted, last.entries):
        data = "".join(f"{line}\n" for line in block.lines).encode("utf-8", "backslashreplace")
        atomic.append(path, data)
        digest.update(data)
        counts = last.entries + block.answered, last.failed + len(block.failures), last.bytes + len(data)
        last = Checkpoint(*counts, digest.hexdigest())
        atomic.append(log, _line(last._asdict()))
        yield block


def _identity(
    predictor: EmotionPredictor, wanted: prediction_lines.Plan, settings: Mapping[str, object]
) -> dict[str, object]:
    """What the answers depend on, by the name that a message gives it."""
    sources = json.dumps([[one.name, one.path, dict(one.columns), one.error] for one in wanted.entries])
    return {
        "version of VoxJAX": __version__,
        "model": hashlib.sha256((locate(predictor.model) / "model.json").read_bytes()).hexdigest(),
        "list of sound files": hashlib.sha256(sources.encode()).hexdigest(),
        **settings,
    }


def _valid_rows(path: Path, log: Path, identity: Mapping[str, object]) -> list[str] | None:
    """The first row of the log and those whose bytes are in the file; None where no call was interrupted.

    Raises:
        VoxJaxError: if the call was another one, or the file was changed since.
    """
    head, *rows = log.read_bytes().decode("utf-8", "replace").split("\n")
    if not rows or not path.is_file():
        return None  # the lock has created the log, or the call ended before the first answer
    written = _content(head)
    if written is None:
        raise VoxJaxError(mismatch(str(log), "what the interrupted call was asked", "damage", _DO))
    different = [name for name in identity if name not in written or written[name] != identity[name]]
    if different:
        what = f"the interrupted call's {', '.join(different)}"
        raise VoxJaxError(mismatch(str(path), what, "another", _DO))
    data, digest, at = path.read_bytes(), hashlib.sha256(), 0
    valid: list[str] = []
    for row in rows:
        found = _content(row)  # None for the row of a write that was interrupted, or a damaged one
        one = None if found is None else Checkpoint(**found)
        if one is None or not at <= one.bytes <= len(data):
            break
        digest.update(data[at : one.bytes])
        at = one.bytes
        if digest.hexdigest() != one.sha256:
            raise VoxJaxError(mismatch(str(path), "the answers of the interrupted call", "other content", _DO))
        valid.append(f"{row}\n")
    return [f"{head}\n", *(valid if len(valid) > 1 else [])]  # the first is of the header alone, which is written again


def _line(values: Mapping[str, object]) -> str:
    """Values as one line of JSON with their digest."""
    return json.dumps({**values, sealed_json.DIGEST: sealed_json.digest(values)}) + "\n"


def _content(line: str) -> dict[str, Any] | None:
    """The values of a line that `_line` wrote; None if it is damaged."""
    try:
        values, sealed = sealed_json.parsed(line.encode())
    except sealed_json.DamagedError:
        return None
    return values if sealed else None
