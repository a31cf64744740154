"""Trains one model or an ensemble under one split, and leaves a report and a model folder."""

import logging
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from voxjax import encoders
from voxjax.artifacts import training_identity
from voxjax.artifacts.model_folder import TrainedFeatures, TrainedMember, TrainedModel, save
from voxjax.artifacts.training_identity import TrainingIdentity
from voxjax.config_schema import thaw
from voxjax.data import corpora
from voxjax.evaluation import adaptation_curve, enrolment_curve, small_subsets
from voxjax.experiments import run_folder, session
from voxjax.inference import domain_check
from voxjax.metrics.domain_distance import Density
from voxjax.pipeline import dataset as datasets
from voxjax.pipeline.dataset import Dataset
from voxjax.pipeline.folds import Fold, make_fold
from voxjax.pipeline.run_spec import MemberSpec, RunSpec
from voxjax.reporting import model_card
from voxjax.storage import atomic
from voxjax.storage.paths import AnyPath
from voxjax.train import processes
from voxjax.train.run_state import MemberState
from voxjax.version import __version__

_LOG = logging.getLogger(__name__)


def train(spec: RunSpec, workdir: AnyPath, resume: str) -> Mapping[str, Any]:
    """Trains one model or an ensemble under one split, and leaves the run in `workdir`.

    Args:
        spec: the run.
        workdir: for everything that the run writes.
        resume: "new" starts in an unused folder, "resume" goes on from its newest checkpoint.

    Returns:
        The content of `report/metrics.json`.

    Raises:
        UsageError: at a folder that already holds a run, or another run.
        VoxJaxError: at unusable data, or a collapse if the guard's action is to stop.
    """
    enrolment_curve.check_possible(spec)
    adaptation_curve.check_possible(spec)
    values = run_folder.plain_values({"config": thaw(spec.config)})
    with run_folder.used_alone(workdir, run_folder.resuming(workdir)):
        processes.once(lambda: run_folder.check_unused(workdir, values, resume))
        dataset = datasets.load(spec)
        fold = make_fold(spec, dataset, spec.config.fold, spec.config.seed)
        for text in small_subsets.warnings(spec, [fold]):
            _LOG.warning(text)
        processes.once(lambda: run_folder.claim(workdir, values))
        outcome = session.run_programs(spec, dataset, [[fold]], workdir)
        model = trained_model(spec, dataset, fold, outcome)
        processes.once(lambda: save_model(workdir / "model", model, outcome.figures))
        return outcome.figures


def save_model(folder: AnyPath, model: TrainedModel, figures: Mapping[str, Any]) -> None:
    """Writes the model folder and its card; `model.json`, which makes a folder a model, comes last."""
    atomic.write(folder / "README.md", model_card.card(model.meta, figures))
    save(folder, model)


def trained_model(spec: RunSpec, dataset: Dataset, fold: Fold, outcome: session.Outcome) -> TrainedModel:
    """The model of a run with one fold."""
    prediction, members = outcome.predictions[0], outcome.runs[0].members
    alone = len(spec.members) == 1
    return TrainedModel(
        architecture=spec.members[0].architecture if alone else "ensemble",
        options=spec.members[0].options if alone else {},
        labels=dataset.manifest.labels,
        feature_sets=tuple(TrainedFeatures(rows.features, rows.encoder) for rows in dataset.feature_rows),
        temperature=prediction.temperature,
        members=[
            _trained_member(member, float(weight), state, fold, dataset)
            for member, weight, state in zip(spec.members, prediction.weights, members, strict=True)
        ],
        meta=_meta(spec, dataset, fold, outcome.figures),
        identity=_identity(spec, dataset, fold),
        density=_density(dataset, fold),
    )


def _density(dataset: Dataset, fold: Fold) -> Density | None:
    """The density of the training clips in the first feature set."""
    chosen, (config, rows, _) = fold.data[0], dataset.feature_rows[0]
    speakers = [dataset.manifest.clips[i].speaker for i in rows.clip_index[chosen.rows]]
    features, lengths = rows.features[chosen.rows, 0], rows.lengths[chosen.rows, 0]
    return domain_check.fit(config, chosen.scaler, features, lengths, speakers)


def _identity(spec: RunSpec, dataset: Dataset, fold: Fold) -> TrainingIdentity:
    """The recordings and people that a model was trained on or chosen by."""
    used = np.union1d(fold.split.train, fold.split.valid)
    recordings = np.unique(used // dataset.copies_per_recording).tolist()
    hashes = [dataset.clip_store.digest(i) for i in recordings]
    prints = [dataset.prints[i] for i in recordings]
    return training_identity.of_training(dataset.manifest.select(used), hashes, prints, spec.sample_rate_hz)


def _trained_member(
    member: MemberSpec, weight: float, state: MemberState, fold: Fold, dataset: Dataset
) -> TrainedMember:
    return TrainedMember(
        architecture=member.architecture,
        options=member.options,
        weight=weight,
        variables=state.best._asdict(),
        scaler=fold.data[member.feature_set].scaler,
        feature_set=member.feature_set,
        modality_scalers={name: fold.modality_scalers[name] for name in member.modalities},
        columns={name: names for name in member.modalities if (names := dataset.modality_inputs[name].names)},
    )


def _licences(spec: RunSpec) -> list[str]:
    """Credit and licence of the corpora, and of the encoders that the model folder holds."""
    used = [encoders.encoder_for(own) for one in spec.feature_sets for own in one.features.by_encoder]
    return list(dict.fromkeys([*corpora.notes(spec.config.corpus), *(one.note for one in used)]))


def _meta(spec: RunSpec, dataset: Dataset, fold: Fold, figures: Mapping[str, Any]) -> dict[str, Any]:
    """The metadata about training in a model folder."""
    config = spec.config
    used = np.concatenate([fold.split.train, fold.split.valid])
    clip_ids = [corpora.keys(dataset.manifest.clips[i]) for i in used]
    kept = ("accuracy", "accuracy_ci", "uar", "uar_ci", "macro_f1", "ece_calibrated", "n")
    return {
        "name": config.name,
        "corpus": config.corpus,
        "protocol": config.protocol,
        "fold": config.fold,
        "seed": config.seed,
        "figures": {key: figures[key] for key in kept},
        "reject": {f"{row['target']:g}": row["threshold"] for row in figures["reject"]},
        "licence": " ".join(_licences(spec)),
        "training_clips": sorted(set().union(*clip_ids)),  # clips that later evaluations must leave out
        "voxjax": __version__,
        "jax": jax.__version__,
        # Trained on all clips: the figures are of models of the folds.
        **({"folds": figures["folds"]} if fold.split.protocol != config.protocol else {}),
    }
