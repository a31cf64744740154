"""All members of all folds as one program: tasks, keys, arrays on the devices."""

from collections.abc import Sequence

import jax
import numpy as np

from voxjax import encoders, models
from voxjax.audio import speaker_centring
from voxjax.config import EncoderFeatures, TrainConfig
from voxjax.data import batches
from voxjax.pipeline import modality_inputs
from voxjax.pipeline.dataset import Dataset, FeatureRows
from voxjax.pipeline.folds import Fold
from voxjax.pipeline.run_spec import MemberSpec, RunSpec
from voxjax.train import ensemble, member_execution, sharding, step
from voxjax.train.run_state import MemberPlan, RunSetup


def setup(spec: RunSpec, dataset: Dataset, folds: Sequence[Fold]) -> RunSetup:
    """All members of all folds as one program, fold by fold.

    Member `m` under seed `s` has the key `fold_in(key(s), m)` in any fold and any ensemble.

    Raises:
        UsageError: if there are too few devices.
    """
    config, labels = spec.config, dataset.manifest.labels
    tasks = [_task(spec, member, len(labels)) for member in spec.members] * len(folds)
    plans = tuple(_plan(config.train, fold, member, m) for fold in folds for m, member in enumerate(spec.members))
    host = tuple(_clips(spec, dataset, rows, i) for i, rows in enumerate(dataset.feature_rows))
    mesh = sharding.mesh(config.devices.member, config.devices.data)
    mode = member_execution.choose(config.member_execution, tasks, [plan.arrays for plan in plans], host, mesh)
    program = ensemble.Program(ensemble.group_members(tasks, mode), mesh)
    return RunSetup(program, sharding.replicate(program, host), plans, config.train, config.guard, labels)


def _task(spec: RunSpec, member: MemberSpec, classes: int) -> step.Task:
    network = models.build(member.architecture, member.options, classes)
    train = spec.config.train
    return step.Task(
        network=network,
        features=member.features,
        classes=classes,
        loss=spec.config.loss,
        crop=round(1000 * train.crop_s / member.features.hop_ms),
        precision=train.precision,
        modalities=member.modalities,
        feature_set=member.feature_set,
    )


def _plan(train: TrainConfig, fold: Fold, member: MemberSpec, m: int) -> MemberPlan:
    data = fold.data[member.feature_set]
    steps = train.epochs * batches.steps_per_epoch(len(data.rows), train.batch_size)
    arrays = ensemble.MemberArrays(
        hyper=jax.tree.map(np.float32, member.hyper),
        scaler=data.scaler,
        class_weights=data.class_weights,
        total_steps=np.float32(steps),
        key=jax.random.fold_in(jax.random.key(fold.seed), m),
        modality_scalers={name: fold.modality_scalers[name] for name in member.modalities},
        offsets=data.offsets,
    )
    name = f"{member.name} (fold {fold.split.fold}, seed {fold.seed})"
    return MemberPlan(name, arrays, data.rows.astype(np.int32), data.valid)


def _clips(spec: RunSpec, dataset: Dataset, feature_rows: FeatureRows, feature_set: int) -> step.Clips:
    """The clips of one feature set on the host, with the modalities that its members fuse."""
    rows, encoder = feature_rows.rows, feature_rows.encoder
    pretrained = models.NOTHING_PRETRAINED
    if encoder and isinstance(feature_rows.features, EncoderFeatures):
        pretrained = encoders.blocks_to_finetune(feature_rows.features, encoder)
    labels = dataset.manifest.targets[rows.clip_index].astype(np.int32)
    fused = {name for member in spec.members if member.feature_set == feature_set for name in member.modalities}
    columns = {name: one for name, one in dataset.modality_inputs.items() if name in fused}
    sequences = modality_inputs.sequences(modality_inputs.take(columns, rows.clip_index))
    by_speaker = speaker_centring.is_by_speaker(feature_rows.features)
    speakers = dataset.manifest.speaker_index[rows.clip_index] if by_speaker else None
    return step.Clips(rows.features, rows.lengths, labels, pretrained, sequences, speakers)
