"""Trains one model on all clips, with the figures of a cross-validation in which every clip is tested once."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from voxjax.artifacts.model_folder import TrainedModel
from voxjax.config_schema import thaw
from voxjax.data import splits
from voxjax.evaluation import fold_predictions
from voxjax.experiments import crossval, run_folder, session
from voxjax.experiments.run_logger import NullLogger
from voxjax.experiments.train import save_model, trained_model
from voxjax.pipeline import dataset as datasets
from voxjax.pipeline import folds
from voxjax.pipeline.dataset import Dataset
from voxjax.pipeline.folds import Fold
from voxjax.pipeline.run_spec import RunSpec
from voxjax.storage.paths import AnyPath
from voxjax.train import processes


def train_on_all(spec: RunSpec, workdir: AnyPath, resume: str) -> Mapping[str, Any]:
    """Tests every clip by all folds of the protocol, then trains the model in `workdir/model` on all clips.

    The figures are those of the folds' models, each of which was trained on fewer clips than the final one. The final
    model takes their mean temperature. A model that is fitted in closed form is fitted to every clip; a network keeps
    validation clips.

    Args:
        spec: the run; its config's `fold` is not used.
        workdir, resume: as for `train`.

    Returns:
        The content of `report/metrics.json`.

    Raises:
        UsageError, VoxJaxError: as `train` does, and at a protocol without test clips.
    """
    config = spec.config
    values = run_folder.plain_values({"config": thaw(config), "folds": "all"})
    with run_folder.used_alone(workdir, run_folder.resuming(workdir)):
        processes.once(lambda: run_folder.check_unused(workdir, values, resume))
        dataset = datasets.load(spec, every_fold=True)
        final = _final_fold(spec, dataset)
        tested = crossval.all_folds(spec, dataset, seeds=1)
        processes.once(lambda: run_folder.claim(workdir, values))
        outcome = session.run_programs(spec, dataset, [tested], workdir)
        model = _final_model(spec, dataset, final, outcome.figures, workdir)
        processes.once(lambda: save_model(workdir / "model", model, outcome.figures))
        return outcome.figures


def _final_fold(spec: RunSpec, dataset: Dataset) -> Fold:
    """All clips to train on, or for a network, all but its validation clips."""
    if spec.is_closed_form:
        every = np.arange(len(dataset.manifest))
        return folds.of_split(spec, dataset, splits.Split(every, every, every, "all", 0), spec.config.seed)
    whole = dataclasses.replace(spec, config=dataclasses.replace(spec.config, protocol="all"))
    return folds.make_fold(whole, dataset, 0, spec.config.seed)


def _final_model(
    spec: RunSpec, dataset: Dataset, fold: Fold, figures: Mapping[str, Any], workdir: AnyPath
) -> TrainedModel:
    """The model of the final fold, with the temperature that the tested folds have."""
    logger = NullLogger()
    setup = session.prepared(spec, dataset, [fold], workdir, "final")
    run = session.fit(setup, workdir, "final", logger)
    (prediction,), run = fold_predictions.predict_folds(spec, setup, run, [fold])
    prediction = prediction._replace(temperature=figures["temperature"])
    return trained_model(spec, dataset, fold, session.Outcome(figures, [prediction], [run]))
