"""Averages the probabilities of finished runs on their test clips, and joins their models.

voxjax vote runs/ensemble runs/optimized --workdir=runs/vote
"""

from collections.abc import Sequence

from absl import flags

from voxjax.cli import entrypoint
from voxjax.experiments import vote_runs
from voxjax.reporting import run_report
from voxjax.storage import paths

WORKDIR = flags.DEFINE_string("workdir", None, "Folder for report and model; runs/vote-TIME if not given.")
PRIORS = flags.DEFINE_enum("priors", "training", vote_runs.PRIORS, "Class priors to predict under; equal favours UAR.")


def main(runs: Sequence[str]) -> None:
    workdir = paths.default_workdir(WORKDIR.value, "vote")
    figures = vote_runs.vote([paths.locate(run) for run in runs], workdir, PRIORS.value)
    print(run_report.printout(figures))
    print(f"report: {workdir / 'report' / 'report.html'}")
    if (workdir / "model").is_dir():
        print(f"model:  {workdir / 'model'}")


def run() -> None:
    """Runs the command on `sys.argv`."""
    entrypoint.run_on(main, "RUN_A RUN_B …")
