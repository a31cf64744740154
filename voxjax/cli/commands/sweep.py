"""Searches hyperparameters; all trials train in one program.

voxjax sweep --config=optimized --search=learning_rate:1e-4:1e-2:log --trials=16 --halve_after=5
"""

from absl import flags

from voxjax.cli import distributed_flags, encoder_flags, entrypoint
from voxjax.config import Config
from voxjax.experiments import sweep
from voxjax.storage import paths

SEARCH = flags.DEFINE_multi_string(
    "search", [], "NAME:LOW:HIGH or NAME:LOW:HIGH:log of a number in config.hyper; of lda in config.model"
)
TRIALS = flags.DEFINE_integer("trials", 8, "How many points are tried.", lower_bound=1)
DRAW = flags.DEFINE_enum("draw", "sobol", list(sweep.DRAWS), "How they are drawn.")
HALVE_AFTER = flags.DEFINE_integer(
    "halve_after", 0, "Epochs after which the worse half is dropped, then after twice as many; 0 drops none.", 0
)
DATA_DIR = flags.DEFINE_string("data_dir", None, "Holds one folder per corpus (DIR/ravdess/Actor_01/…).")
WORKDIR = flags.DEFINE_string("workdir", None, "Output folder; runs/sweep-NAME-TIME if not given.")
RESUME = flags.DEFINE_boolean("resume", False, "Continues the sweep in --workdir from its newest checkpoint.")

flags.adopt_module_key_flags(distributed_flags)
flags.adopt_module_key_flags(encoder_flags)


def main(config: Config) -> None:
    distributed_flags.join()
    workdir = paths.default_workdir(WORKDIR.value, f"sweep-{config.name}")
    axes = tuple(sweep.axis(text) for text in SEARCH.value)
    plan = sweep.SweepPlan(axes, TRIALS.value, DRAW.value, HALVE_AFTER.value)
    start = "resume" if RESUME.value else "new"
    found = sweep.sweep(config, plan, encoder_flags.run_paths(DATA_DIR.value), workdir, start)
    print(sweep.printout(found))
    print(f"trials: {workdir / 'sweep.csv'}")


def run() -> None:
    """Runs the command on `sys.argv`."""
    entrypoint.run_with_config(main, default="demo")
