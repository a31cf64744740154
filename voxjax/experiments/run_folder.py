"""The folder of a run: used by one run only and by one process at a time, with a `config.json` that has a digest."""

import contextlib
import json
import logging
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from voxjax import interruption
from voxjax.artifacts.checkpoint import Checkpoints
from voxjax.errors import UsageError, VoxJaxError, mismatch
from voxjax.storage import atomic, file_lock, sealed_json
from voxjax.storage.paths import AnyPath, reaching
from voxjax.train import processes


def resuming(workdir: AnyPath) -> str:
    """How to go on with a run that was interrupted; its folder is named, as its default is another one each time."""
    return f"the same command with --workdir={shlex.quote(str(workdir))} --resume goes on"


@contextlib.contextmanager
def used_alone(workdir: AnyPath, do: str = "") -> Iterator[None]:
    """Keeps every other command out of the folder until this one ends, however it ends.

    The processes of one run hold one lock. A folder in a bucket can't be locked.

    Args:
        workdir: of a run. On disk it is created if missing, and removed again where nothing was written to it.
        do: how to go on after a signal.

    Raises:
        VoxJaxError: if another command is at work there.
        OSError: if the folder can't be written.
    """
    with contextlib.ExitStack() as held, interruption.ending_with(do):
        if isinstance(workdir, Path):
            wait = "wait until it ends, or choose another --workdir"
            busy = mismatch(str(workdir), "a folder that no other command writes to", "one at work", wait)
            processes.once(lambda: held.enter_context(file_lock.locked_by(workdir / ".lock", busy)))
        yield


_LOG = logging.getLogger(__name__)
_CONFIG, _CHECKPOINTS = "config.json", "checkpoints"
_CHOSEN = "chosen_execution"  # the execution mode of each program, where the config leaves it to a measurement
_PROGRAM = "program"


def check_unused(workdir: AnyPath, values: Mapping[str, Any], resume: str) -> None:
    """Checks, before any work, that a run may use the folder.

    A `config.json` that is lost or damaged is written again if the run's checkpoints hold the same config.

    Args:
        workdir: of the run.
        values: everything that the run depends on, as in its `config.json`.
        resume: "new" for an unused folder, "resume" for the folder of the same run.

    Raises:
        UsageError: at a folder that holds a run already, or another run.
        VoxJaxError: if what the run began with is not known any more.
    """
    path = workdir / _CONFIG
    with reaching(path):
        used = next((one for one in (path, workdir / _CHECKPOINTS) if one.exists()), None)
    if used is None:
        return
    if resume == "new":
        do = "add --resume to go on with it, or choose another --workdir"
        raise UsageError(mismatch("--workdir", "a folder without a run", str(used), do))
    try:
        before = _read(workdir)
    except VoxJaxError as error:
        before = _restored(workdir, error)
    before = {key: value for key, value in before.items() if key != _CHOSEN}
    same = {key for key in values.keys() & before.keys() if values[key] == before[key]}
    changed = sorted((values.keys() | before.keys()) - same)
    if changed and before:
        do = "resume with the same values, or choose another --workdir"
        raise UsageError(mismatch("--resume", "the config the run began with", f"other {', '.join(changed)}", do))


def claim(workdir: AnyPath, values: Mapping[str, Any]) -> None:
    """Writes `config.json`; from then on the folder belongs to this run. What was chosen before stays."""
    try:
        before = _read(workdir)
    except VoxJaxError:
        before = {}
    chosen = {_CHOSEN: before[_CHOSEN]} if _CHOSEN in before else {}
    atomic.write(workdir / _CONFIG, sealed_json.text({**values, **chosen}))


def config(workdir: AnyPath) -> dict[str, Any]:
    """The values of a run, as `claim` got them.

    Raises:
        VoxJaxError: if they are lost or damaged.
    """
    return {key: value for key, value in _read(workdir).items() if key != _CHOSEN}


def chosen_execution(workdir: AnyPath, part: str) -> str | None:
    """The execution mode that was chosen for a program of the run; None where none was chosen yet."""
    found = _read(workdir)
    return found[_CHOSEN][part] if _CHOSEN in found and part in found[_CHOSEN] else None


def keep_execution(workdir: AnyPath, part: str, mode: str) -> None:
    """Writes into `config.json` which execution mode a program has, so that the run is resumed under it anywhere."""
    found = _read(workdir)
    chosen = {**(found[_CHOSEN] if _CHOSEN in found else {}), part: mode}
    if _CHOSEN not in found or found[_CHOSEN] != chosen:
        atomic.write(workdir / _CONFIG, sealed_json.text({**found, _CHOSEN: chosen}))


def checkpoints(workdir: AnyPath, part: str, keep: int) -> Checkpoints:
    """The checkpoints of a program of the run; they hold the run's values, the program and its execution mode."""
    run = {**config(workdir), _PROGRAM: part, _CHOSEN: chosen_execution(workdir, part)}
    return Checkpoints(workdir / _CHECKPOINTS / part, keep, run)


def plain_values(values: dict[str, Any]) -> dict[str, Any]:
    """The values as JSON types, those of `config` at the top level."""
    values = json.loads(json.dumps(values, allow_nan=False))
    return {**values.pop("config"), **values}


def _read(workdir: AnyPath) -> dict[str, Any]:
    """The content of `config.json` without its digest, which runs of before did not have.

    Raises:
        VoxJaxError: if it is missing or damaged.
    """
    path = workdir / _CONFIG
    do = "copy the run whole, or name another one"
    try:
        with reaching(path):
            return sealed_json.parsed(path.read_bytes())[0]
    except sealed_json.DamagedError as error:
        raise VoxJaxError(mismatch(str(path), "the config the run began with", f"damage ({error})", do)) from error
    except FileNotFoundError as error:
        raise VoxJaxError(mismatch(str(path), "the config the run began with", "no such file", do)) from error


def _restored(workdir: AnyPath, error: VoxJaxError) -> dict[str, Any]:
    """The values of a run whose `config.json` is lost or damaged, from its checkpoints; they are written there again.

    Nothing where the run has no checkpoint: then it has done nothing yet.

    Raises:
        VoxJaxError: if it has checkpoints that don't say it.
    """
    folder = workdir / _CHECKPOINTS
    parts = [path.name for path in folder.iterdir() if path.is_dir()] if folder.is_dir() else []
    values: dict[str, Any] = {}
    chosen: dict[str, str] = {}
    for part in sorted(parts):
        with Checkpoints(folder / part, 1) as found:
            steps, run = found.steps(), found.newest_run()
        if run is not None:
            values = {key: value for key, value in run.items() if key not in (_CHOSEN, _PROGRAM)}
            chosen |= {part: run[_CHOSEN]} if run[_CHOSEN] else {}
        elif steps:
            do = "start again in another --workdir"
            what = "the config the run began with, here or in a checkpoint"
            raise VoxJaxError(mismatch(str(workdir / _CONFIG), what, "neither is whole", do)) from error
    source = "from the checkpoints" if values else "as there is no checkpoint, the run starts from its beginning"
    _LOG.warning("%s; it is written again: %s", str(error).partition(";")[0], source)
    if values:
        atomic.write(workdir / _CONFIG, sealed_json.text({**values, _CHOSEN: chosen}))
    return values
