"""Trains one model or one ensemble under one split, then reports.

voxjax train --config=optimized --config.corpus=ravdess --data_dir=DATA --workdir=runs/optimized
"""

from absl import flags

from voxjax.cli import config_flag, distributed_flags, encoder_flags, entrypoint
from voxjax.config import Config
from voxjax.storage import paths

DATA_DIR = flags.DEFINE_string("data_dir", None, "Holds one folder per corpus (DIR/ravdess/Actor_01/…).")
WORKDIR = flags.DEFINE_string("workdir", None, "Output folder; runs/NAME-TIME if not given.")
RESUME = flags.DEFINE_boolean("resume", False, "Continues the run in --workdir from its newest checkpoint.")

flags.adopt_module_key_flags(distributed_flags)
flags.adopt_module_key_flags(encoder_flags)


def main(config: Config) -> None:
    from voxjax.experiments import tensorboard, train  # imported here, so that --help and wrong use answer at once
    from voxjax.pipeline.run_spec import resolve
    from voxjax.reporting import run_report

    distributed_flags.join()
    workdir = paths.default_workdir(WORKDIR.value, config.name)
    start = "resume" if RESUME.value else "new"
    figures = train.train(
        resolve(config, encoder_flags.run_paths(DATA_DIR.value), config_flag.changed()), workdir, start
    )
    print(run_report.printout(figures))
    print(f"report: {workdir / 'report' / 'report.html'}\nmodel:  {workdir / 'model'}")
    print(f"curves: {tensorboard.command(workdir)}")


def run() -> None:
    """Runs the command on `sys.argv`."""
    entrypoint.run_with_config(main, default="demo")
