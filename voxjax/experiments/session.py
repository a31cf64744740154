"""Trains the programs of a run one after the other, and reports on all of them together."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from voxjax import interruption
from voxjax.artifacts.checkpoint import Checkpoints
from voxjax.data import enrolment_draws
from voxjax.evaluation import (
    adaptation_curve,
    enrolment_curve,
    figures,
    fold_predictions,
    modality_ablation,
    run_summary,
)
from voxjax.evaluation.fold_predictions import FoldPredictions
from voxjax.experiments import run_folder, training_state
from voxjax.experiments.run_logger import NullLogger, RunLogger
from voxjax.pipeline import ensemble_setup
from voxjax.pipeline.dataset import Dataset
from voxjax.pipeline.folds import Fold
from voxjax.pipeline.run_spec import RunSpec
from voxjax.reporting import run_report
from voxjax.storage.paths import AnyPath
from voxjax.train import ensemble, loop, processes
from voxjax.train.compilations import count_compilations
from voxjax.train.run_state import Hooks, RunSetup, RunState, finished


class Outcome(NamedTuple):
    """The results of a run."""

    figures: Mapping[str, Any]  # the content of `metrics.json`
    predictions: list[FoldPredictions]  # of each fold and seed
    runs: list[RunState]  # of each program


def run_programs(spec: RunSpec, dataset: Dataset, programs: Sequence[Sequence[Fold]], workdir: AnyPath) -> Outcome:
    """Trains each program on its folds, then writes `workdir/report`.

    Args:
        spec, dataset: the run.
        programs: the folds of each program.
        workdir: of the run.
    """
    predictions: list[FoldPredictions] = []
    runs: list[RunState] = []
    ablated: list[dict[modality_ablation.Subset, np.ndarray]] = []
    enrolled: list[enrolment_curve.Tested] = []
    adapted: list[adaptation_curve.Tested] = []
    unadapted: list[FoldPredictions] = []
    modes, compiles = set(), 0
    audible = programs[0][0].split.train
    logger = RunLogger(workdir, spec, dataset, audible, len(programs)) if processes.first() else NullLogger()
    with logger:
        for i, folds in enumerate(programs):
            part = f"part{i}"
            setup = prepared(spec, dataset, folds, workdir, part)
            modes.add(ensemble.execution_mode(setup.program))
            with count_compilations("train_step") as compilations:
                run = fit(setup, workdir, part, logger)
            assert len(compilations) <= 1, "one compilation per program"
            compiles += len(compilations)
            own, run = fold_predictions.predict_folds(spec, setup, run, folds)
            if adaptation_curve.is_adapted(spec.config.protocol):
                unadapted += own
                own, tested = adaptation_curve.predict(spec, dataset, setup, run, own)
                adapted += tested
            predictions += own
            if dataset.modality_inputs:
                ablated += modality_ablation.predict_subsets(spec, dataset, setup, run, own)
            if enrolment_draws.is_enrolled(spec.config.protocol):
                enrolled += enrolment_curve.predict(spec, dataset, setup, run, own)
            runs.append(run)
        more: dict[str, Any] = {"compiles": compiles, "member_execution": "+".join(sorted(modes))}
        if ablated:
            more["modality_ablation"] = modality_ablation.table(dataset, predictions, ablated)
        if enrolled:
            more["enrolment"] = enrolment_curve.table(dataset, enrolled)
        if adapted:
            more["adaptation"] = adaptation_curve.fields(dataset, unadapted, adapted)
        report = run_summary.report_input(spec, dataset, predictions, runs, more)
        found = figures.measure(report)
        processes.once(lambda: logger.finish(run_report.write_report(workdir / "report", report, found)))
    return Outcome(found, predictions, runs)


def prepared(
    spec: RunSpec,
    dataset: Dataset,
    folds: Sequence[Fold],
    workdir: AnyPath,
    part: str,
) -> RunSetup:
    """One program of a run, under the execution mode that it was begun with.

    Args:
        spec, dataset: the run.
        folds: of the program.
        workdir: of the run.
        part: the program's name.
    """
    before = run_folder.chosen_execution(workdir, part)
    config = dataclasses.replace(spec.config, member_execution=before or spec.config.member_execution)
    own = dataclasses.replace(spec, config=config)
    setup = ensemble_setup.setup(own, dataset, folds)
    if spec.config.member_execution == "auto":
        mode = ensemble.execution_mode(setup.program).removeprefix("single+").removesuffix("+single")
        processes.once(lambda: run_folder.keep_execution(workdir, part, mode))
    return setup


def fit(setup: RunSetup, workdir: AnyPath, part: str, logger: RunLogger | NullLogger) -> RunState:
    """Trains one program of a run to its end, from its newest whole checkpoint if there is one."""
    with (
        run_folder.checkpoints(workdir, part, setup.train.checkpoints_kept) as checkpoints,
        interruption.deferred() as request,
    ):
        run = training_state.begin_or_resume(setup, checkpoints, logger.message)
        logger.start_part(setup, run)
        return loop.fit(setup, run, _hooks(setup, checkpoints, logger, request))


def _hooks(
    setup: RunSetup, checkpoints: Checkpoints, logger: RunLogger | NullLogger, request: interruption.Request
) -> Hooks:
    """Callbacks for the logger and for checkpoints; all processes save together.

    At a request to stop, the last epoch is saved. Processes of one run are not asked at the same step, so that they
    can't save together then: the last checkpoint is what they go on from.
    """
    keeps = request.possible and jax.process_count() == 1
    unsaved: list[training_state.Snapshot] = []  # of the last epoch, as the next one's steps overwrite its arrays

    def on_step(epoch: int, step: int, loss: float) -> None:
        logger.on_step(epoch, step, loss)
        stop_if_asked()

    def on_epoch(run: RunState, logits: list[np.ndarray]) -> None:
        logger.on_epoch(run, logits)
        unsaved.clear()
        if run.epoch % setup.train.checkpoint_every_epochs == 0 or finished(setup, run):
            training_state.save(checkpoints, training_state.snapshot(setup, run))
        elif keeps:
            unsaved.append(training_state.snapshot(setup, run))
        stop_if_asked()

    def stop_if_asked() -> None:
        if request.number:
            for snapshot in unsaved:
                training_state.save(checkpoints, snapshot)
            checkpoints.wait()
            raise interruption.Stopped(request.number, request.do)

    return Hooks(on_step, on_epoch, logger.message)
