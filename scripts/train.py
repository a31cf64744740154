"""Trains one model under one split, then reports: `python scripts/train.py --config=configs/optimized.py`."""

from pathlib import Path

from absl import flags

from voxjax.config import Config
from voxjax.edges import commands, encoding, hosts, report, run

DATA_DIR = flags.DEFINE_string("data_dir", None, "Holds one folder a corpus (DIR/ravdess/Actor_01/…).")
WORKDIR = flags.DEFINE_string("workdir", None, "For all the run writes; runs/NAME-TIME where not given.")
RESUME = flags.DEFINE_boolean("resume", False, "Goes on with the run in --workdir from its newest checkpoint.")

flags.adopt_module_key_flags(hosts)
flags.adopt_module_key_flags(encoding)


def main(config: Config) -> None:
    hosts.join()
    workdir = commands.workdir(WORKDIR.value, config.name)
    data_dir = Path(DATA_DIR.value) if DATA_DIR.value else None
    start = "resume" if RESUME.value else "new"
    figures = run.train(config, data_dir, workdir, commands.cache_dir(), start)
    print(report.printout(figures))
    print(f"report: {workdir / 'report' / 'report.html'}\nmodel:  {workdir / 'model'}")


if __name__ == "__main__":
    commands.run_with_config(main, default="configs/demo.py")
