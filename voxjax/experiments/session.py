"""Whole runs: corpus in; model folder, report, TensorBoard and checkpoints out."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from voxjax.artifacts.checkpoint import Checkpoints
from voxjax.config import Config
from voxjax.evaluation import fold_predictions, modality_ablation, run_summary
from voxjax.experiments import training_state
from voxjax.experiments.run_folder import layouts
from voxjax.experiments.run_logger import Unwatched, Watch
from voxjax.pipeline import ensemble_setup, run_spec
from voxjax.pipeline.dataset import Assembled
from voxjax.pipeline.folds import Fold
from voxjax.reporting import run_report
from voxjax.train import loop, processes, run_state


def _trained(
    config: Config,
    assembled: Assembled,
    folds: Sequence[Fold],
    parts: Sequence[Sequence[Fold]],
    workdir: Path,
    cache: Path,
) -> tuple[dict[str, Any], list[fold_predictions.Verdict], list[run_state.Progress]]:
    """Trains part after part, each one program, then reports."""
    found: list[fold_predictions.Verdict] = []
    done: list[run_state.Progress] = []
    answered: list[dict[modality_ablation.Subset, np.ndarray]] = []
    compiled, forms = 0, set()
    with Watch(workdir, config, assembled, folds[0].split.train) if processes.first() else Unwatched() as watch:
        for i, part in enumerate(parts):
            setup = ensemble_setup.setup(config, assembled, part, layouts(cache, watch))
            forms.add(ensemble_setup.via(setup))
            before = loop.compilations()
            progress = fit(setup, workdir / "checkpoints" / f"part{i}", watch)
            compiled += loop.compilations() - before
            assert compiled <= len(parts), "one compilation a program"
            verdicts = fold_predictions.verdicts(config, setup, progress, part)
            found += verdicts
            if assembled.others:
                answered += modality_ablation.answers(config, assembled, setup, progress, verdicts)
            done.append(progress)
        more: dict[str, Any] = {"compiles": compiled, "member_execution": "+".join(sorted(forms))}
        if answered:
            more["modality_ablation"] = modality_ablation.table(assembled, found, answered)
        told = run_summary.report_input(config, assembled, run_spec.specs(config), found, done, more)
        processes.once(lambda: watch.finish(run_report.write_report(workdir / "report", told)))
    return json.loads((workdir / "report" / "metrics.json").read_text()), found, done


def fit(setup: run_state.Setup, folder: Path, watch: Watch | Unwatched) -> run_state.Progress:
    """Trains one program to its end, from the newest checkpoint in `folder` if there is one."""
    with Checkpoints(folder, setup.plan.checkpoints_kept) as checkpoints:
        progress = training_state.begin_or_resume(setup, checkpoints)
        watch.part(setup, progress)
        return loop.fit(setup, progress, _hooks(setup, checkpoints, watch))


def _hooks(setup: run_state.Setup, checkpoints: Checkpoints, watch: Watch | Unwatched) -> run_state.Hooks:
    """Tells the watch, and saves a checkpoint from time to time; all processes save together."""

    def on_epoch(progress: run_state.Progress, logits: list[np.ndarray]) -> None:
        watch.on_epoch(progress, logits)
        due = progress.epoch % setup.plan.checkpoint_every_epochs == 0
        if due or run_state.finished(setup.plan, progress):
            training_state.save(setup, checkpoints, progress)

    return run_state.Hooks(watch.on_step, on_epoch, watch.say)
