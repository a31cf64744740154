"""Long campaigns of kills, signals and damage against VoxJAX itself; their figures are written to one file."""

from pathlib import Path

from absl import flags

from voxjax.benchmarks import results_file, soak
from voxjax.cli import entrypoint
from voxjax.config_schema import one_of
from voxjax.storage import atomic

PARTS = flags.DEFINE_list("parts", list(soak.PARTS), "Which campaigns, joined by commas.")
COUNT = flags.DEFINE_integer("count", 10, "Trials of each campaign.", lower_bound=1)
SEED = flags.DEFINE_integer("seed", 0, "Of all that is drawn.")
OUT = flags.DEFINE_string("out", "reliability.json", "JSON file of figures; parts that are not run stay as they are.")


def main() -> None:
    for name in PARTS.value:
        one_of("--parts", name, soak.PARTS)
    for name in PARTS.value:
        with atomic.scratch_folder() as folder:
            figures = soak.part(name).measure(folder, COUNT.value, SEED.value)
        results_file.record(Path(OUT.value), name, figures)


def run() -> None:
    """Runs the command on `sys.argv`."""
    entrypoint.run(main)
