"""A hyperparameter search: all trials are members of one program, with successive halving."""

import dataclasses
import json
import math
import re
import warnings
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy.stats import qmc

from voxjax.config import Config, Hyper, MemberConfig, in_range, one_of
from voxjax.config_schema import thaw
from voxjax.errors import UsageError, mismatch
from voxjax.experiments import closed_form_sweep, run_folder, session
from voxjax.experiments.run_logger import NullLogger, RunLogger
from voxjax.models import is_closed_form, lda, options
from voxjax.pipeline import dataset as datasets
from voxjax.pipeline.dataset import Dataset
from voxjax.pipeline.folds import make_fold
from voxjax.pipeline.run_spec import Paths, RunSpec, resolve
from voxjax.storage import atomic, csv_text, json_values
from voxjax.storage.paths import AnyPath
from voxjax.storage.provenance import provenance
from voxjax.train import processes, successive_halving
from voxjax.train.run_state import RunSetup, RunState

_TRAINED = tuple(field.name for field in dataclasses.fields(Hyper))
_RANGE = re.compile(r"(?:config\.)?(?:hyper\.|model\.)?(\w+)[=:](\S+?):(\S+?)(:log)?")


class Axis(NamedTuple):
    """One hyperparameter and its range."""

    name: str  # a field of `Hyper`, or of `lda.SEARCHED` for a discriminant
    low: float
    high: float
    log: bool  # drawn evenly in the logarithm

    def at(self, fraction: float) -> float:
        """The value at a fraction in [0, 1] of the range, rounded to six digits for command lines."""
        if self.log:
            value = math.exp(math.log(self.low) + fraction * (math.log(self.high) - math.log(self.low)))
        else:
            value = self.low + fraction * (self.high - self.low)
        return float(f"{value:.6g}")


class SweepPlan(NamedTuple):
    """The settings of a search."""

    axes: tuple[Axis, ...]
    trials: int
    draw: str  # a name in `DRAWS`
    halve_after: int  # epochs until the first rung; 0 trains all trials to the end


def axis(text: str) -> Axis:
    """Reads `NAME:LOW:HIGH`, or `NAME:LOW:HIGH:log` for values drawn evenly in the logarithm.

    Raises:
        UsageError: at another form, an unknown name, or an empty range.
    """
    found = _RANGE.fullmatch(text)
    do = "write NAME:LOW:HIGH or NAME:LOW:HIGH:log, as learning_rate:1e-4:1e-2:log"
    try:
        name, low, high = found[1], float(found[2]), float(found[3])  # type: ignore[index]
    except (TypeError, ValueError) as error:
        raise UsageError(mismatch("--search", "a name and its range", f"'{text}'", do)) from error
    one_of("--search", name, [*_TRAINED, *lda.SEARCHED])
    log = bool(found[4])  # type: ignore[index]
    if not (math.isfinite(low) and math.isfinite(high) and low < high and (low > 0 or not log)):
        expected = "0 < LOW < HIGH" if log else "LOW < HIGH"
        raise UsageError(mismatch(f"--search={name}", expected, f"{low:g} and {high:g}", do))
    return Axis(name, low, high, log)


def _random(trials: int, width: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).random((trials, width))


def _sobol(trials: int, width: int, seed: int) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", UserWarning
        )  # of numbers of trials that are not a power of 2, which are slightly less even
        return qmc.Sobol(width, rng=np.random.default_rng(seed)).random(trials)


# Points of the unit cube, [trials, axes]. Sobol's (1967) cover it more evenly.
DRAWS: dict[str, Callable[[int, int, int], np.ndarray]] = {"random": _random, "sobol": _sobol}


def sweep(config: Config, plan: SweepPlan, paths: Paths, workdir: AnyPath, resume: str) -> dict[str, Any]:
    """Trains all trials in one program and ranks them by validation UAR. No test clip is used.

    Every trial has the key of a run of its own, so that `voxjax train` with a trial's values repeats it.

    Args:
        config: what the trials have in common; it has one member.
        plan: the search.
        paths: inputs and cache.
        workdir, resume: as for `train`.

    Returns:
        The content of `sweep.json`: the trials, best first, and the plan.

    Raises:
        UsageError: at a plan that contradicts itself, and as `train`.
        VoxJaxError: as `train`.
    """
    drawn = _drawn(config, plan)
    if is_closed_form(config.architecture):
        spec = resolve(config, paths)
    else:
        members = tuple(MemberConfig(config.architecture, config.model, values) for values in drawn)
        spec = resolve(dataclasses.replace(config, n_members=plan.trials, members=members), paths)
    claimed: dict[str, Any] = {
        "config": thaw(spec.config),
        "search": [one._asdict() for one in plan.axes],
        "halve_after": plan.halve_after,
    }
    values = run_folder.plain_values(claimed)
    with run_folder.used_alone(workdir, run_folder.resuming(workdir)):
        processes.once(lambda: run_folder.check_unused(workdir, values, resume))
        dataset = datasets.load(spec)
        if is_closed_form(config.architecture):
            processes.once(lambda: run_folder.claim(workdir, values))
            trials, rungs = _fitted(spec, dataset, drawn), list[Any]()
        else:
            trials, rungs = _trained(spec, dataset, drawn, plan, workdir, values)
        found: dict[str, Any] = {
            "trials": trials,
            "plan": {**claimed, "draw": plan.draw},
            "rungs": rungs,
            **provenance(),
        }
        processes.once(lambda: _write(workdir, found))
        return found


def _fitted(spec: RunSpec, dataset: Dataset, drawn: Sequence[dict[str, float]]) -> list[dict[str, Any]]:
    """Trials of a closed form, best first by the UAR over inner folds."""
    uars = closed_form_sweep.valid_uars(spec, dataset, {name: [one[name] for one in drawn] for name in drawn[0]})
    rows = [
        {"trial": i, "values": values, "valid_uar": float(uar), "best_epoch": 0, "epochs": 0, "status": "fitted"}
        for i, (values, uar) in enumerate(zip(drawn, uars, strict=True))
    ]
    return sorted(rows, key=lambda row: -row["valid_uar"])


def _trained(
    spec: RunSpec,
    dataset: Dataset,
    drawn: Sequence[dict[str, float]],
    plan: SweepPlan,
    workdir: AnyPath,
    claimed: Any,
) -> tuple[list[dict[str, Any]], list[Any]]:
    """Trials that were trained in one program, best first, and the rungs at which some were dropped."""
    fold = make_fold(spec, dataset, spec.config.fold, spec.config.seed)
    processes.once(lambda: run_folder.claim(workdir, claimed))
    with RunLogger(workdir, spec, dataset, fold.split.train) if processes.first() else NullLogger() as logger:
        setup = _with_one_key(session.prepared(spec, dataset, [fold], workdir, "part0"))
        if plan.halve_after:
            rungs = successive_halving.rungs(plan.trials, spec.config.train.epochs, plan.halve_after)
            setup = setup._replace(rungs=rungs)
        run = session.fit(setup, workdir, "part0", logger)
    return _ranked(drawn, run, spec.config.train.epochs), list(setup.rungs)


def printout(found: dict[str, Any]) -> str:
    """The ten best trials as text, and the flags that train the best one."""
    names = list(found["trials"][0]["values"])
    lines = [f"{'trial':>5} {'valid UAR':>10} {'epochs':>7}  " + "".join(f"{name:>22}" for name in names)]
    for row in found["trials"][:10]:
        values = "".join(f"{row['values'][name]:>22.6g}" for name in names)
        lines.append(f"{row['trial']:>5} {row['valid_uar']:>10.2%} {row['epochs']:>7}  {values}")
    flags = " ".join(
        f"--config.{'model' if name in lda.SEARCHED else 'hyper'}.{name}={value:g}"
        for name, value in found["trials"][0]["values"].items()
    )
    return "\n".join([*lines, "", f"The best: {flags}"])


def _drawn(config: Config, plan: SweepPlan) -> list[dict[str, float]]:
    """The values of each trial."""
    if not plan.axes:
        do = "add --search=learning_rate:1e-4:1e-2:log; it can be given several times"
        raise UsageError(mismatch("--search", "at least one hyperparameter", "none", do))
    names = [one.name for one in plan.axes]
    if len(set(names)) < len(names):
        raise UsageError(mismatch("--search", "each name once", ", ".join(names), "remove one"))
    if config.members or config.n_members > 1:
        do = "choose the config of a single network"
        raise UsageError(mismatch("--config", "one member", f"{max(config.n_members, len(config.members))}", do))
    fitted = is_closed_form(config.architecture)
    for name in names:
        one_of(f"--search of architecture {config.architecture}", name, lda.SEARCHED if fitted else _TRAINED)
    if fitted and plan.halve_after:
        do = "leave --halve_after out"
        raise UsageError(mismatch("--halve_after", "0 for a model without epochs", plan.halve_after, do))
    one_of("--draw", plan.draw, DRAWS)
    in_range("--trials", plan.trials, 1, 4_096)
    points = DRAWS[plan.draw](plan.trials, len(plan.axes), config.seed)
    drawn = [{one.name: one.at(float(x)) for one, x in zip(plan.axes, row, strict=True)} for row in points]
    for values in drawn if fitted else ():
        options(config.architecture, {**config.model, **values})  # checks the range
    return drawn


def _with_one_key(setup: RunSetup) -> RunSetup:
    """All trials with the key of the first, so that they differ in their values but not in random draws."""
    key = setup.plans[0].arrays.key
    plans = [plan._replace(arrays=plan.arrays._replace(key=key)) for plan in setup.plans]
    return setup._replace(plans=tuple(plans))


def _ranked(drawn: Sequence[dict[str, float]], run: RunState, last: int) -> list[dict[str, Any]]:
    """Trials, sorted by the epoch in which they were dropped, last or never first, and then by validation UAR."""
    reached = [one.dropped or last for one in run.members]
    rows = [
        {
            "trial": i,
            "values": values,
            "valid_uar": one.best_uar,
            "best_epoch": one.best_epoch,
            "epochs": len(one.history),
            "status": one.warning or (f"dropped after epoch {one.dropped}" if one.dropped else "trained"),
        }
        for i, (values, one) in enumerate(zip(drawn, run.members, strict=True))
    ]
    return sorted(rows, key=lambda row: (-reached[row["trial"]], -row["valid_uar"]))


def _write(workdir: AnyPath, found: dict[str, Any]) -> None:
    """`sweep.json`, and `sweep.csv` with one row per trial."""
    atomic.write(workdir / "sweep.json", json.dumps(json_values.plain(found), indent=1, allow_nan=False) + "\n")
    rows = [{**row, **row["values"]} for row in found["trials"]]
    names = [name for name in rows[0] if name != "values"]
    atomic.write(workdir / "sweep.csv", csv_text.text(csv_text.dict_rows(names, rows)))
