"""Lets finished runs vote on their test clips, and joins their models: `python scripts/vote.py RUN_A RUN_B …`."""

from collections.abc import Sequence
from pathlib import Path

from absl import flags

from voxjax.cli import entrypoint
from voxjax.experiments import vote_runs
from voxjax.reporting import run_report
from voxjax.storage import paths

WORKDIR = flags.DEFINE_string("workdir", None, "For report and model; runs/vote-TIME where not given.")
PRIORS = flags.DEFINE_enum(
    "priors", "learnt", vote_runs.PRIORS, "Class frequencies to answer under; equal favours UAR."
)


def main(runs: Sequence[str]) -> None:
    workdir = paths.default_workdir(WORKDIR.value, "vote")
    figures = vote_runs.vote([Path(run) for run in runs], workdir, PRIORS.value)
    print(run_report.printout(figures))
    print(f"report: {workdir / 'report' / 'report.html'}")
    if (workdir / "model").is_dir():
        print(f"model:  {workdir / 'model'}")


if __name__ == "__main__":
    entrypoint.run_on(main, "RUN_A RUN_B …")
