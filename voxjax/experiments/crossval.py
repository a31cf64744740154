"""Trains all folds of a protocol under several seeds, and reports on them together."""

from pathlib import Path
from typing import Any, NamedTuple

from voxjax.config import Config, one_of
from voxjax.config_schema import thaw
from voxjax.data import splits
from voxjax.errors import UsageError, mismatch
from voxjax.experiments.run_folder import claim, flat, refuse_other_run
from voxjax.experiments.session import _trained
from voxjax.pipeline import run_spec
from voxjax.pipeline.dataset import assemble
from voxjax.pipeline.folds import cut
from voxjax.train import processes


class Plan(NamedTuple):
    """How a cross-validation is run."""

    seeds: int  # from the config's own on
    parallel_folds: str  # how many folds (of one seed each) share a program: a number, or `all`


def crossval(
    config: Config, plan: Plan, data_dir: Path | None, workdir: Path, cache: Path, resume: str
) -> dict[str, Any]:
    """Trains all folds of the run's protocol under several seeds, and reports on all test clips together.

    Folds, seeds and members are members of one compiled program: each has its own clips, scaler and key.

    Args:
        config: the run; its `fold` says nothing.
        plan: seeds, and folds that are trained together.
        data_dir, workdir, cache, resume: as for `train`.

    Returns:
        The content of `report/metrics.json`.

    Raises:
        UsageError, VoxJaxError: as `train` does.
    """
    one_of("--protocol", config.protocol, splits.PROTOCOLS)
    run_spec.specs(config)
    folds_each = splits.PROTOCOLS[config.protocol].folds
    at_once = _at_once(plan, plan.seeds * folds_each)
    values = flat({"config": thaw(config), **plan._asdict()})
    processes.once(lambda: refuse_other_run(workdir, values, resume))
    assembled = assemble(config, data_dir, cache)
    folds = [
        cut(config, assembled, fold, config.seed + seed) for seed in range(plan.seeds) for fold in range(folds_each)
    ]
    processes.once(lambda: claim(workdir, values))
    parts = [folds[start : start + at_once] for start in range(0, len(folds), at_once)]
    return _trained(config, assembled, folds, parts, workdir, cache)[0]


def _at_once(plan: Plan, folds: int) -> int:
    """How many folds share a program."""
    if plan.parallel_folds == "all":
        return folds
    if not plan.parallel_folds.isdecimal() or int(plan.parallel_folds) < 1:
        found = f"'{plan.parallel_folds}'"
        raise UsageError(mismatch("--parallel_folds", "a number from 1, or all", found, "change it"))
    return int(plan.parallel_folds)
