"""Trains all folds of a protocol under several seeds, and reports on them together."""

import logging
from collections.abc import Mapping
from typing import Any, NamedTuple

from voxjax.config_schema import thaw
from voxjax.data import splits
from voxjax.errors import UsageError, mismatch
from voxjax.evaluation import adaptation_curve, enrolment_curve, small_subsets
from voxjax.experiments import run_folder, session
from voxjax.pipeline import dataset as datasets
from voxjax.pipeline.dataset import Dataset
from voxjax.pipeline.folds import Fold, make_fold
from voxjax.pipeline.run_spec import RunSpec
from voxjax.storage.paths import AnyPath
from voxjax.train import processes

_LOG = logging.getLogger(__name__)


class CrossvalPlan(NamedTuple):
    """How a cross-validation is run."""

    seeds: int  # from the config's own on
    parallel_folds: str  # how many folds (of one seed each) are one program: a number, or `all`


def crossval(spec: RunSpec, plan: CrossvalPlan, workdir: AnyPath, resume: str) -> Mapping[str, Any]:
    """Trains all folds of the run's protocol under several seeds, and reports on all test clips together.

    Folds, seeds and members are members of one compiled program: each has its own clips, scaler and key.

    Args:
        spec: the run; its config's `fold` is not used.
        plan: seeds, and folds that are trained together.
        workdir, resume: as for `train`.

    Returns:
        The content of `report/metrics.json`.

    Raises:
        UsageError, VoxJaxError: as `train` does.
    """
    config = spec.config
    _check_plan(plan)
    enrolment_curve.check_possible(spec)
    adaptation_curve.check_possible(spec)
    values = run_folder.plain_values({"config": thaw(config), **plan._asdict()})
    with run_folder.used_alone(workdir, run_folder.resuming(workdir)):
        processes.once(lambda: run_folder.check_unused(workdir, values, resume))
        dataset = datasets.load(spec, every_fold=True)
        folds = all_folds(spec, dataset, plan.seeds)
        for text in small_subsets.warnings(spec, folds):
            _LOG.warning(text)
        processes.once(lambda: run_folder.claim(workdir, values))
        at_once = len(folds) if plan.parallel_folds == "all" else int(plan.parallel_folds)
        programs = [folds[start : start + at_once] for start in range(0, len(folds), at_once)]
        return session.run_programs(spec, dataset, programs, workdir).figures


def all_folds(spec: RunSpec, dataset: Dataset, seeds: int) -> list[Fold]:
    """The folds of the run's protocol, for seeds from the config's own on."""
    count, first = splits.fold_count(dataset.manifest, spec.config.protocol), spec.config.seed
    return [make_fold(spec, dataset, fold, first + seed) for seed in range(seeds) for fold in range(count)]


def _check_plan(plan: CrossvalPlan) -> None:
    if plan.parallel_folds != "all" and (not plan.parallel_folds.isdecimal() or int(plan.parallel_folds) < 1):
        found = f"'{plan.parallel_folds}'"
        raise UsageError(mismatch("--parallel_folds", "a number from 1, or all", found, "change it"))
