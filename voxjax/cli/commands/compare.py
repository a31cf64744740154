"""Compares two runs over the same test clips.

voxjax compare runs/ensemble runs/optimized
"""

import json
from collections.abc import Sequence

from absl import flags

from voxjax.cli import entrypoint
from voxjax.errors import UsageError, mismatch
from voxjax.evaluation import compare_latex, compare_runs
from voxjax.storage import atomic, paths

FORMATS = {
    "text": compare_runs.printout,
    "json": lambda found: json.dumps(found, indent=1, allow_nan=False),
    "latex": compare_latex.table,
}

FORMAT = flags.DEFINE_enum("format", "text", list(FORMATS), "Format of the comparison; latex is a table for a paper.")
OUT = flags.DEFINE_string("out", None, "File to write it to as well, as JSON.")


def main(runs: Sequence[str]) -> None:
    if len(runs) != 2:
        raise UsageError(mismatch("voxjax compare", "RUN_A RUN_B", f"{len(runs)} folders", "name two runs"))
    found = compare_runs.compare(*(paths.locate(run) for run in runs))
    print(FORMATS[FORMAT.value](found))
    if OUT.value:
        atomic.write(paths.locate(OUT.value), FORMATS["json"](found) + "\n")


def run() -> None:
    """Runs the command on `sys.argv`."""
    entrypoint.run_on(main, "RUN_A RUN_B")
