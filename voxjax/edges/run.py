"""One training run, end to end: corpus in; model folder, report, TensorBoard and checkpoints out."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import voxjax
from voxjax import calibrate, metrics, models
from voxjax.audio import normalize
from voxjax.config import Config, thaw
from voxjax.data import batches, corpora
from voxjax.data.examples import Examples
from voxjax.edges import files, report
from voxjax.edges.assemble import Assembled, assemble
from voxjax.edges.checkpoint import Checkpoints
from voxjax.edges.model_folder import Member, Trained, save
from voxjax.edges.watch import Watch
from voxjax.errors import UsageError, mismatch
from voxjax.train import loop, step


class Setting(NamedTuple):
    """What a member is trained with."""

    task: step.Task
    hyper: Any
    key: jax.Array
    data: step.Data


def train(config: Config, data_dir: Path | None, workdir: Path, cache: Path, resume: str) -> dict[str, Any]:
    """Trains one model under one split and leaves the whole run in `workdir`.

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
        VoxJaxError: at data that can't be used, or a loss that is not finite.
    """
    options = models.options(config.architecture, config.model)
    _claim(workdir, config, resume)
    assembled = assemble(config, data_dir, cache)
    setting = _setting(config, assembled)
    with Checkpoints(workdir / "checkpoints", config.train.checkpoints_kept) as checkpoints:
        progress = _begin_or_resume(setting, checkpoints)
        with Watch(workdir, config, assembled, checkpoints, progress) as watch:
            progress = _fit(config, setting, assembled, progress, watch)
            figures, temperature = _judge(config, setting, assembled, progress, workdir / "report")
            watch.finish(figures)
    trained = Trained(
        architecture=config.architecture,
        options=options,
        labels=assembled.manifest.labels,
        features=config.features,
        temperature=temperature,
        members=[Member(config.architecture, options, 1.0, progress.best._asdict(), assembled.scaler)],
        meta=_about(config, assembled, figures),
    )
    save(workdir / "model", trained)
    return figures


def _claim(workdir: Path, config: Config, resume: str) -> None:
    """Writes `config.json`, or checks that it is the same run that goes on."""
    path = workdir / "config.json"
    values = json.loads(json.dumps(thaw(config)))
    if path.exists() and resume == "new":
        do = "add --resume to go on with it, or choose another --workdir"
        raise UsageError(mismatch("--workdir", "a folder without a run", str(path), do))
    if path.exists():
        before = json.loads(path.read_text())
        changed = [key for key in values if values[key] != before.get(key)]
        if changed:
            do = "resume with the same values, or choose another --workdir"
            raise UsageError(mismatch("--resume", "the config the run began with", f"other {', '.join(changed)}", do))
    workdir.mkdir(parents=True, exist_ok=True)
    files.write(path, json.dumps(values, indent=1) + "\n")


def _setting(config: Config, assembled: Assembled) -> Setting:
    """The compiled task, the traced numbers, the member's key and the clips on the device."""
    labels = assembled.manifest.labels
    rows = assembled.train
    targets = assembled.manifest.targets[assembled.split.train][rows.owners]
    per_epoch = batches.steps_per_epoch(len(targets), config.train.batch_size)
    network = models.build(config.architecture, config.model, len(labels))
    task = step.Task(network, config.features, len(labels), config.train.epochs * per_epoch)
    counts = np.bincount(targets, minlength=len(labels))
    weights = (len(targets) / (len(labels) * np.maximum(counts, 1))) ** config.class_balance
    weights = weights / np.mean(weights[targets])
    data = step.Data(
        jnp.asarray(rows.features),
        jnp.asarray(rows.lengths),
        jnp.asarray(targets, jnp.int32),
        normalize.Scaler(*map(jnp.asarray, assembled.scaler)),
        jnp.asarray(weights, jnp.float32),
    )
    key = jax.random.fold_in(jax.random.key(config.seed), 0)  # member 0
    return Setting(task, step.traced(config.hyper), key, data)


def _begin_or_resume(setting: Setting, checkpoints: Checkpoints) -> loop.Progress:
    """Fresh weights, or where the newest whole checkpoint stands."""
    progress = loop.begin(*setting)
    if checkpoints.latest() is None:
        return progress
    arrays, extra = checkpoints.restore({"state": progress.state, "best": progress.best})
    return loop.Progress(
        epoch=extra["epoch"],
        state=jax.tree.map(jnp.asarray, arrays["state"]),
        best=jax.tree.map(np.asarray, arrays["best"]),
        best_uar=extra["best_uar"],
        best_epoch=extra["best_epoch"],
        history=tuple(extra["history"]),
    )


def _fit(
    config: Config, setting: Setting, assembled: Assembled, progress: loop.Progress, watch: Watch
) -> loop.Progress:
    rows = assembled.valid
    labels = assembled.manifest.targets[assembled.split.valid]
    held = loop.Held(rows.features[:, 0], rows.lengths[:, 0], rows.per_clip, labels)
    hooks = loop.Hooks(watch.on_step, watch.on_epoch)
    return loop.fit(setting.task, config.train, setting.hyper, setting.key, setting.data, held, progress, hooks)


def _judge(
    config: Config, setting: Setting, assembled: Assembled, progress: loop.Progress, folder: Path
) -> tuple[dict[str, Any], float]:
    """The temperature from validation clips, then the report on the test clips: their only use."""

    def logits(rows: Examples) -> np.ndarray:
        scaler = setting.data.scaler
        each = loop.logits_of(setting.task, progress.best, scaler, rows.features[:, 0], rows.lengths[:, 0])
        return rows.per_clip(each)

    valid_labels = assembled.manifest.targets[assembled.split.valid]
    temperature = calibrate.fit_temperature(logits(assembled.valid), valid_labels)
    told = _report_input(config, assembled, progress, logits(assembled.test), temperature)
    return report.write_report(folder, told), temperature


def _report_input(
    config: Config, assembled: Assembled, progress: loop.Progress, logits: np.ndarray, temperature: float
) -> report.ReportInput:
    test = assembled.manifest.select(assembled.split.test)
    truth = assembled.manifest.targets[assembled.split.test]
    return report.ReportInput(
        labels=assembled.manifest.labels,
        clips=[clip.path for clip in test.clips],
        speakers=[clip.speaker for clip in test.clips],
        genders=[clip.gender for clip in test.clips],
        folds=np.full(len(test), config.fold),
        truth=truth,
        logits=logits,
        temperature=temperature,
        history=progress.history,
        notes=corpora.notes(config.corpus),
        meta={
            "protocol": config.protocol,
            "corpus": config.corpus,
            "model": config.name,
            "folds": 1,
            "seeds": [config.seed],
            "chosen_by": f"validation UAR (epoch {progress.best_epoch} of {progress.epoch})",
            "train_seconds": sum(row["seconds"] for row in progress.history),
            "parameters": sum(leaf.size for leaf in jax.tree.leaves(progress.best.params)),
            "members": [{"architecture": config.architecture, "uar": _uar(truth, logits)}],
            "config": thaw(config),
        },
    )


def _uar(truth: np.ndarray, logits: np.ndarray) -> float:
    counts = metrics.sums(jnp.asarray(logits), jnp.asarray(truth), jnp.ones(len(truth)))["confusion"]
    return float(metrics.uar(np.asarray(counts)))


def _about(config: Config, assembled: Assembled, figures: dict[str, Any]) -> dict[str, Any]:
    known = np.concatenate([assembled.split.train, assembled.split.valid])
    heard = [corpora.keys(assembled.manifest.clips[i]) for i in known]
    kept = ("accuracy", "accuracy_ci", "uar", "uar_ci", "macro_f1", "ece_calibrated", "n")
    return {
        "name": config.name,
        "corpus": config.corpus,
        "protocol": config.protocol,
        "fold": config.fold,
        "seed": config.seed,
        "figures": {key: figures[key] for key in kept},
        "licence": " ".join(corpora.notes(config.corpus)),
        "heard": sorted(set().union(*heard)),  # clips that no later figure may be taken on
        "voxjax": voxjax.__version__,
        "jax": jax.__version__,
    }
