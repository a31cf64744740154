"""Whole runs: corpus in; model folder, report, TensorBoard and checkpoints out."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

import voxjax
from voxjax import models
from voxjax.config import Config, one_of
from voxjax.data import corpora, splits
from voxjax.edges import files, hosts, judge, members, progress_file, report, subsets
from voxjax.edges.assemble import Assembled, Fold, assemble, cut
from voxjax.edges.checkpoint import Checkpoints
from voxjax.edges.model_folder import Member, Trained, View, save
from voxjax.edges.watch import Unwatched, Watch
from voxjax.errors import UsageError, mismatch
from voxjax.frozen import thaw
from voxjax.train import layout, loop, standing


class Plan(NamedTuple):
    """How a cross-validation is run."""

    seeds: int  # from the config's own on
    parallel_folds: str  # how many folds (of one seed each) share a program: a number, or `all`


def train(config: Config, data_dir: Path | None, workdir: Path, cache: Path, resume: str) -> dict[str, Any]:
    """Trains one model or an ensemble under one split, and leaves the whole run in `workdir`.

    Args:
        config: the run.
        data_dir: holds one folder a corpus.
        workdir: for everything the run writes.
        cache: where decoded clips are kept.
        resume: "new" starts in an unused folder, "resume" goes on from its newest checkpoint.

    Returns:
        The content of `report/metrics.json`.

    Raises:
        UsageError: at a wrong config, a folder that already holds a run, or another run's folder.
        VoxJaxError: at data that can't be used, or training that collapses where the guard is to stop.
    """
    specs = members.specs(config)
    values = flat({"config": thaw(config)})
    hosts.once(lambda: refuse_other_run(workdir, values, resume))
    assembled = assemble(config, data_dir, cache)
    fold = cut(config, assembled, config.fold, config.seed)
    hosts.once(lambda: claim(workdir, values))
    figures, verdict, progress = _trained(config, assembled, [fold], [[fold]], workdir, cache)
    trained = Trained(
        architecture=config.architecture if len(specs) == 1 else "ensemble",
        options=specs[0].options if len(specs) == 1 else {},
        labels=assembled.manifest.labels,
        views=tuple(View(seen.features, seen.encoder.params if seen.encoder else None) for seen in assembled.seen),
        temperature=verdict[0].temperature,
        members=[
            _member(spec, float(weight), one, fold, assembled)
            for spec, weight, one in zip(specs, verdict[0].weights, progress[0].members, strict=True)
        ],
        meta=_about(config, assembled, fold, figures),
    )
    hosts.once(lambda: save(workdir / "model", trained))
    return figures


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
    members.specs(config)
    folds_each = splits.PROTOCOLS[config.protocol].folds
    at_once = _at_once(plan, plan.seeds * folds_each)
    values = flat({"config": thaw(config), **plan._asdict()})
    hosts.once(lambda: refuse_other_run(workdir, values, resume))
    assembled = assemble(config, data_dir, cache)
    folds = [
        cut(config, assembled, fold, config.seed + seed) for seed in range(plan.seeds) for fold in range(folds_each)
    ]
    hosts.once(lambda: claim(workdir, values))
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


def _trained(
    config: Config,
    assembled: Assembled,
    folds: Sequence[Fold],
    parts: Sequence[Sequence[Fold]],
    workdir: Path,
    cache: Path,
) -> tuple[dict[str, Any], list[judge.Verdict], list[standing.Progress]]:
    """Trains part after part, each one program, then reports."""
    found: list[judge.Verdict] = []
    done: list[standing.Progress] = []
    answered: list[dict[subsets.Subset, np.ndarray]] = []
    compiled, forms = 0, set()
    with Watch(workdir, config, assembled, folds[0].split.train) if hosts.first() else Unwatched() as watch:
        for i, part in enumerate(parts):
            setup = members.setup(config, assembled, part, layouts(cache, watch))
            forms.add(members.via(setup))
            before = loop.compilations()
            progress = fit(setup, workdir / "checkpoints" / f"part{i}", watch)
            compiled += loop.compilations() - before
            assert compiled <= len(parts), "one compilation a program"
            verdicts = judge.verdicts(config, setup, progress, part)
            found += verdicts
            if assembled.others:
                answered += subsets.answers(config, assembled, setup, progress, verdicts)
            done.append(progress)
        more: dict[str, Any] = {"compiles": compiled, "members_via": "+".join(sorted(forms))}
        if answered:
            more["subsets"] = subsets.table(assembled, found, answered)
        told = judge.report_input(config, assembled, members.specs(config), found, done, more)
        hosts.once(lambda: watch.finish(report.write_report(workdir / "report", told)))
    return json.loads((workdir / "report" / "metrics.json").read_text()), found, done


def fit(setup: standing.Setup, folder: Path, watch: Watch | Unwatched) -> standing.Progress:
    """Trains one program to its end, from the newest checkpoint in `folder` if there is one."""
    with Checkpoints(folder, setup.plan.checkpoints_kept) as checkpoints:
        progress = progress_file.begin_or_resume(setup, checkpoints)
        watch.part(setup, progress)
        return loop.fit(setup, progress, _hooks(setup, checkpoints, watch))


def _hooks(setup: standing.Setup, checkpoints: Checkpoints, watch: Watch | Unwatched) -> standing.Hooks:
    """Tells the watch, and saves a checkpoint from time to time; all processes save together."""

    def on_epoch(progress: standing.Progress, logits: list[np.ndarray]) -> None:
        watch.on_epoch(progress, logits)
        due = progress.epoch % setup.plan.checkpoint_every_epochs == 0
        if due or standing.finished(setup.plan, progress):
            progress_file.save(setup, checkpoints, progress)

    return standing.Hooks(watch.on_step, on_epoch, watch.say)


def layouts(cache: Path, watch: Watch | Unwatched) -> layout.Cache:
    """Keeps measurements beside the decoded clips."""

    def read(name: str) -> float | None:
        path = cache / f"{name}.json"
        return float(json.loads(path.read_text())["seconds"]) if path.is_file() else None

    def write(name: str, seconds: float) -> None:
        cache.mkdir(parents=True, exist_ok=True)
        files.write(cache / f"{name}.json", json.dumps({"seconds": seconds}) + "\n")

    return layout.Cache(read, write, watch.say)


def refuse_other_run(workdir: Path, values: Mapping[str, Any], resume: str) -> None:
    """Checks, before any work, that a run may use the folder.

    Args:
        workdir: of the run.
        values: what the run depends on, as its `config.json` holds it.
        resume: "new" or "resume", as of `train`.

    Raises:
        UsageError: at a folder that holds a run already, or another one's.
    """
    path = workdir / "config.json"
    if path.exists() and resume == "new":
        do = "add --resume to go on with it, or choose another --workdir"
        raise UsageError(mismatch("--workdir", "a folder without a run", str(path), do))
    if path.exists():
        before = json.loads(path.read_text())
        same = {key for key in values.keys() & before.keys() if values[key] == before[key]}
        changed = sorted((values.keys() | before.keys()) - same)
        if changed:
            do = "resume with the same values, or choose another --workdir"
            raise UsageError(mismatch("--resume", "the config the run began with", f"other {', '.join(changed)}", do))


def claim(workdir: Path, values: Mapping[str, Any]) -> None:
    """Writes `config.json`; from then on the folder is this run's."""
    workdir.mkdir(parents=True, exist_ok=True)
    files.write(workdir / "config.json", json.dumps(values, indent=1) + "\n")


def flat(values: dict[str, Any]) -> dict[str, Any]:
    """As JSON has them, those of `config` at the top."""
    values = json.loads(json.dumps(values))
    return {**values.pop("config"), **values}


def _member(spec: members.Spec, weight: float, trained: standing.Standing, fold: Fold, assembled: Assembled) -> Member:
    fused = models.modalities(spec.options)
    return Member(
        architecture=spec.architecture,
        options=spec.options,
        weight=weight,
        variables=trained.best._asdict(),
        scaler=fold.shares[spec.view].scaler,
        view=spec.view,
        other_scalers={name: fold.other_scalers[name] for name in fused},
        columns={name: names for name in fused if (names := assembled.others[name].names)},
    )


def _about(config: Config, assembled: Assembled, fold: Fold, figures: dict[str, Any]) -> dict[str, Any]:
    known = np.concatenate([fold.split.train, fold.split.valid])
    heard = [corpora.keys(assembled.manifest.clips[i]) for i in known]
    kept = ("accuracy", "accuracy_ci", "uar", "uar_ci", "macro_f1", "ece_calibrated", "n")
    return {
        "name": config.name,
        "corpus": config.corpus,
        "protocol": config.protocol,
        "fold": config.fold,
        "seed": config.seed,
        "figures": {key: figures[key] for key in kept},
        "reject": {f"{row['target']:g}": row["threshold"] for row in figures["reject"]},
        "licence": " ".join(corpora.notes(config.corpus)),
        "heard": sorted(set().union(*heard)),  # clips that no later figure may be taken on
        "voxjax": voxjax.__version__,
        "jax": jax.__version__,
    }
