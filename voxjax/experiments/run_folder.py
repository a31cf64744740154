"""The folder of a run: used by one run only."""

import json
from collections.abc import Mapping
from typing import Any

from voxjax.errors import UsageError, mismatch
from voxjax.storage import atomic
from voxjax.storage.paths import AnyPath, reaching


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
