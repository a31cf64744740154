"""Soak tests: long campaigns of kills, signals, full disks and damage, whose figures are kept.

Each part is a module with `measure(folder, count, seed)`, which works in an empty folder and returns JSON figures.
"""

import importlib
from pathlib import Path
from typing import Any, Protocol, cast

# Part: its module, imported when it is run, as some need packages that the rest does without.
PARTS = {
    "damages": "voxjax.benchmarks.soak.damages",
    "determinism": "voxjax.benchmarks.soak.determinism",
    "disk": "voxjax.benchmarks.soak.disk",
    "kills": "voxjax.benchmarks.soak.kills",
    "locks": "voxjax.benchmarks.soak.locks",
    "models": "voxjax.benchmarks.soak.models",
    "signals": "voxjax.benchmarks.soak.signals",
    "sounds": "voxjax.benchmarks.soak.sounds",
}


class Part(Protocol):
    """One campaign."""

    def measure(self, folder: Path, count: int, seed: int) -> dict[str, Any]:
        """The figures of `count` trials.

        Args:
            folder: an empty one, for all that it writes.
            count: of trials, as many as the figures count.
            seed: of all that is drawn.
        """


def part(name: str) -> Part:
    """The campaign of a name in `PARTS`."""
    return cast(Part, importlib.import_module(PARTS[name]))
