"""The folder of a run: claimed once, refused to other runs; and the cache of measurements."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from voxjax.errors import UsageError, mismatch
from voxjax.experiments.run_logger import Unwatched, Watch
from voxjax.storage import atomic
from voxjax.train import member_execution


def layouts(cache: Path, watch: Watch | Unwatched) -> member_execution.Cache:
    """Keeps measurements beside the decoded clips."""

    def read(name: str) -> float | None:
        path = cache / f"{name}.json"
        return float(json.loads(path.read_text())["seconds"]) if path.is_file() else None

    def write(name: str, seconds: float) -> None:
        cache.mkdir(parents=True, exist_ok=True)
        atomic.write(cache / f"{name}.json", json.dumps({"seconds": seconds}) + "\n")

    return member_execution.Cache(read, write, watch.say)


def refuse_other_run(workdir: Path, values: Mapping[str, Any], resume: str) -> None:
    """Checks, before any work, that a run may use the folder.

    Args:
        workdir: of the run.
        values: what the run depends on, as its `config.json` holds it.
        resume: "new" or "resume", as of `train`.

    Raises:
        UsageError: at a folder that holds a run already, or another one's.
    """
    path = workdir / "config.json"
    if path.exists() and resume == "new":
        do = "add --resume to go on with it, or choose another --workdir"
        raise UsageError(mismatch("--workdir", "a folder without a run", str(path), do))
    if path.exists():
        before = json.loads(path.read_text())
        same = {key for key in values.keys() & before.keys() if values[key] == before[key]}
        changed = sorted((values.keys() | before.keys()) - same)
        if changed:
            do = "resume with the same values, or choose another --workdir"
            raise UsageError(mismatch("--resume", "the config the run began with", f"other {', '.join(changed)}", do))


def claim(workdir: Path, values: Mapping[str, Any]) -> None:
    """Writes `config.json`; from then on the folder is this run's."""
    workdir.mkdir(parents=True, exist_ok=True)
    atomic.write(workdir / "config.json", json.dumps(values, indent=1) + "\n")


def flat(values: dict[str, Any]) -> dict[str, Any]:
    """As JSON has them, those of `config` at the top."""
    values = json.loads(json.dumps(values))
    return {**values.pop("config"), **values}
