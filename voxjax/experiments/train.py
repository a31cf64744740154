"""Trains one model or an ensemble under one split, and leaves report and model folder."""

from pathlib import Path
from typing import Any

import jax
import numpy as np

from voxjax import models
from voxjax.artifacts.model_folder import Member, Trained, View, save
from voxjax.config import Config
from voxjax.config_schema import thaw
from voxjax.data import corpora
from voxjax.experiments.run_folder import claim, flat, refuse_other_run
from voxjax.experiments.session import _trained
from voxjax.pipeline import run_spec
from voxjax.pipeline.dataset import Assembled, assemble
from voxjax.pipeline.folds import Fold, cut
from voxjax.train import processes, run_state
from voxjax.version import __version__


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
    specs = run_spec.specs(config)
    values = flat({"config": thaw(config)})
    processes.once(lambda: refuse_other_run(workdir, values, resume))
    assembled = assemble(config, data_dir, cache)
    fold = cut(config, assembled, config.fold, config.seed)
    processes.once(lambda: claim(workdir, values))
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
    processes.once(lambda: save(workdir / "model", trained))
    return figures


def _member(
    spec: run_spec.Spec, weight: float, trained: run_state.Standing, fold: Fold, assembled: Assembled
) -> Member:
    fused = models.fused_modalities(spec.options)
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
        "voxjax": __version__,
        "jax": jax.__version__,
    }
