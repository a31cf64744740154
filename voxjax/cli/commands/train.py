"""Trains one model or one ensemble under one split, or tests all clips and trains on all, then reports.

voxjax train --config=optimized --config.corpus=ravdess --data_dir=DATA --workdir=runs/optimized
"""

from absl import flags

from voxjax.cli import config_flag, distributed_flags, encoder_flags, entrypoint, own_corpus_choice
from voxjax.config import Config
from voxjax.storage import paths

DATA_DIR = flags.DEFINE_string("data_dir", None, "Holds one folder per corpus (DIR/ravdess/Actor_01/…).")
WORKDIR = flags.DEFINE_string("workdir", None, "Output folder; runs/NAME-TIME if not given.")
FOLDS = flags.DEFINE_enum(
    "folds",
    "auto",
    ["auto", "one", "all"],
    "one: tests a fold, and the model is of its training clips. all: tests every clip by cross-validation, and the "
    "model is trained on all clips. auto: all for own recordings, if neither network nor protocol is named; else one.",
)
RESUME = flags.DEFINE_boolean("resume", False, "Continues the run in --workdir from its newest checkpoint.")

flags.adopt_module_key_flags(distributed_flags)
flags.adopt_module_key_flags(encoder_flags)


def main(config: Config) -> None:
    from voxjax.experiments import tensorboard, train, train_final  # imported here, so that --help answers at once
    from voxjax.pipeline.run_spec import resolve
    from voxjax.reporting import run_report

    distributed_flags.join()
    where = encoder_flags.run_paths(DATA_DIR.value)
    config, all_folds = own_corpus_choice.of_command_line(config, where)
    workdir = paths.default_workdir(WORKDIR.value, config.name)
    start = "resume" if RESUME.value else "new"
    folds = {"auto": all_folds, "one": False, "all": True}[FOLDS.value]
    train_model = train_final.train_on_all if folds else train.train
    figures = train_model(resolve(config, where, config_flag.changed()), workdir, start)
    print(run_report.printout(figures))
    note = f", trained on all {figures['n']} clips; the figures are of the folds' models" if folds else ""
    print(f"report: {workdir / 'report' / 'report.html'}\nmodel:  {workdir / 'model'}{note}")
    print(f"curves: {tensorboard.command(workdir)}")


def run() -> None:
    """Runs the command on `sys.argv`."""
    entrypoint.run_with_config(main, default="demo")
