"""The folder of a run: used by one run only, and by one process at a time."""

import contextlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from voxjax import interruption
from voxjax.errors import UsageError, mismatch
from voxjax.storage import atomic, file_lock
from voxjax.storage.paths import AnyPath, reaching
from voxjax.train import processes

RESUME = "the same command with --resume goes on"


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


def check_unused(workdir: AnyPath, values: Mapping[str, Any], resume: str) -> None:
    """Checks, before any work, that a run may use the folder.

    Args:
        workdir: of the run.
        values: everything that the run depends on, as in its `config.json`.
        resume: "new" for an unused folder, "resume" for the folder of the same run.

    Raises:
        UsageError: at a folder that holds a run already, or another run.
    """
    path = workdir / "config.json"
    with reaching(path):
        used = path.exists()
    if used and resume == "new":
        do = "add --resume to go on with it, or choose another --workdir"
        raise UsageError(mismatch("--workdir", "a folder without a run", str(path), do))
    if used:
        before = json.loads(path.read_text(encoding="utf-8"))
        same = {key for key in values.keys() & before.keys() if values[key] == before[key]}
        changed = sorted((values.keys() | before.keys()) - same)
        if changed:
            do = "resume with the same values, or choose another --workdir"
            raise UsageError(mismatch("--resume", "the config the run began with", f"other {', '.join(changed)}", do))


def claim(workdir: AnyPath, values: Mapping[str, Any]) -> None:
    """Writes `config.json`; from then on the folder belongs to this run."""
    atomic.write(workdir / "config.json", json.dumps(values, indent=1, allow_nan=False) + "\n")


def plain_values(values: dict[str, Any]) -> dict[str, Any]:
    """The values as JSON types, those of `config` at the top level."""
    values = json.loads(json.dumps(values, allow_nan=False))
    return {**values.pop("config"), **values}
