"""Trains one model under one split, then reports: `python scripts/train.py --config=configs/optimized.py`."""

from pathlib import Path

from absl import flags

from voxjax.cli import distributed_flags, entrypoint
from voxjax.config import Config
from voxjax.experiments import train
from voxjax.pipeline import encoder_weights
from voxjax.reporting import run_report
from voxjax.storage import paths

DATA_DIR = flags.DEFINE_string("data_dir", None, "Holds one folder a corpus (DIR/ravdess/Actor_01/…).")
WORKDIR = flags.DEFINE_string("workdir", None, "For all the run writes; runs/NAME-TIME where not given.")
RESUME = flags.DEFINE_boolean("resume", False, "Goes on with the run in --workdir from its newest checkpoint.")

flags.adopt_module_key_flags(distributed_flags)
flags.adopt_module_key_flags(encoder_weights)


def main(config: Config) -> None:
    distributed_flags.join()
    workdir = paths.default_workdir(WORKDIR.value, config.name)
    data_dir = Path(DATA_DIR.value) if DATA_DIR.value else None
    start = "resume" if RESUME.value else "new"
    figures = train.train(config, data_dir, workdir, paths.cache_dir(), start)
    print(run_report.printout(figures))
    print(f"report: {workdir / 'report' / 'report.html'}\nmodel:  {workdir / 'model'}")


if __name__ == "__main__":
    entrypoint.run_with_config(main, default="configs/demo.py")
