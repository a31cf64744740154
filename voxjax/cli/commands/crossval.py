"""Trains all folds of a protocol in one program, then reports on all of them.

voxjax crossval --config=optimized --protocol=speaker5 --config.corpus=ravdess --data_dir=DATA
"""

from absl import flags

from voxjax.cli import config_flag, distributed_flags, encoder_flags, entrypoint, own_corpus_choice
from voxjax.config import Config
from voxjax.storage import paths

PROTOCOL = flags.DEFINE_string("protocol", None, "Split to test under; the config's own if not given.")
SEEDS = flags.DEFINE_integer("seeds", 1, "How many seeds, from config.seed on.", lower_bound=1)
PARALLEL_FOLDS = flags.DEFINE_string("parallel_folds", "all", "How many folds share a program: a number, or all.")
DATA_DIR = flags.DEFINE_string("data_dir", None, "Holds one folder per corpus (DIR/ravdess/Actor_01/…).")
WORKDIR = flags.DEFINE_string("workdir", None, "Output folder; runs/NAME-PROTOCOL-TIME if not given.")
RESUME = flags.DEFINE_boolean("resume", False, "Continues the run in --workdir from its newest checkpoints.")

flags.adopt_module_key_flags(distributed_flags)
flags.adopt_module_key_flags(encoder_flags)


def main(config: Config) -> None:
    from voxjax.experiments import crossval, tensorboard  # imported here, so that --help and wrong use answer at once
    from voxjax.pipeline.run_spec import resolve
    from voxjax.reporting import run_report

    distributed_flags.join()
    where = encoder_flags.run_paths(DATA_DIR.value)
    config = own_corpus_choice.of_command_line(config, where, PROTOCOL.value).config
    workdir = paths.default_workdir(WORKDIR.value, f"{config.name}-{config.protocol}")
    start = "resume" if RESUME.value else "new"
    plan = crossval.CrossvalPlan(SEEDS.value, PARALLEL_FOLDS.value)
    figures = crossval.crossval(resolve(config, where, config_flag.changed()), plan, workdir, start)
    print(run_report.printout(figures))
    print(f"report: {workdir / 'report' / 'report.html'}\ncurves: {tensorboard.command(workdir)}")


def run() -> None:
    """Runs the command on `sys.argv`."""
    entrypoint.run_with_config(main, default="demo")
