"""Compares two runs over the same test clips: `python scripts/compare.py RUN_A RUN_B`."""

import json
from collections.abc import Sequence
from pathlib import Path

from absl import flags

from voxjax.edges import commands, compare, files
from voxjax.errors import UsageError, mismatch

FORMATS = {"text": compare.printout, "json": lambda found: json.dumps(found, indent=1)}

FORMAT = flags.DEFINE_enum("format", "text", list(FORMATS), "How the comparison is shown.")
OUT = flags.DEFINE_string("out", None, "A file to write it to as well, as JSON.")


def main(runs: Sequence[str]) -> None:
    if len(runs) != 2:
        raise UsageError(mismatch("compare.py", "RUN_A RUN_B", f"{len(runs)} folders", "name two runs"))
    found = compare.compare(*(Path(run) for run in runs))
    print(FORMATS[FORMAT.value](found))
    if OUT.value:
        files.write(Path(OUT.value), FORMATS["json"](found) + "\n")


if __name__ == "__main__":
    commands.run_on(main, "RUN_A RUN_B")
