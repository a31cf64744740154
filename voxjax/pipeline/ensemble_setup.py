"""From a config to members: which networks a run trains, with which numbers, keys and clips."""

from collections.abc import Sequence

import jax
import numpy as np

from voxjax import encoders, models
from voxjax.config import Config, EncoderFeatures, TrainConfig
from voxjax.data import batches
from voxjax.errors import UsageError, mismatch
from voxjax.pipeline import modality_inputs
from voxjax.pipeline.dataset import Assembled, Seen
from voxjax.pipeline.folds import Fold
from voxjax.pipeline.run_spec import Spec, specs
from voxjax.train import ensemble, member_execution, run_state, sharding, step


def setup(
    config: Config, assembled: Assembled, folds: Sequence[Fold], cache: member_execution.Cache
) -> run_state.Setup:
    """All members of all folds as one program, fold by fold.

    Member `m` under seed `s` has the key `fold_in(key(s), m)` in any fold and any ensemble.

    Raises:
        UsageError: at a batch that the devices can't divide, or too few devices.
    """
    if config.train.batch_size % config.devices.data:
        found = f"{config.train.batch_size} for {config.devices.data} devices"
        do = "change config.train.batch_size or config.devices.data"
        raise UsageError(mismatch("config.train.batch_size", "a multiple of config.devices.data", found, do))
    labels, kinds = assembled.manifest.labels, specs(config)
    tasks = [_task(config, spec, len(labels)) for spec in kinds] * len(folds)
    courses = tuple(_course(config.train, fold, spec, m) for fold in folds for m, spec in enumerate(kinds))
    host = tuple(_clips(assembled, seen, _fused(kinds, view)) for view, seen in enumerate(assembled.seen))
    mesh = sharding.mesh(config.devices.member, config.devices.data)
    members = [course.member for course in courses]
    via = member_execution.choose(config.member_execution, tasks, members, host, config.train.batch_size, mesh, cache)
    program = ensemble.Program(ensemble.grouped(tasks, via), mesh)
    return run_state.Setup(program, sharding.everywhere(program, host), courses, config.train, config.guard, labels)


def via(setup: run_state.Setup) -> str:
    """How the members are computed, in a word."""
    forms = {group.form for group in setup.program.groups}
    return "unroll" if forms == {"alone"} else "+".join(sorted(forms))


def _task(config: Config, spec: Spec, classes: int) -> step.Task:
    network = models.build(spec.architecture, spec.options, classes)
    plan, fused = config.train, models.fused_modalities(spec.options)
    crop = round(1000 * plan.crop_s / spec.features.hop_ms)
    return step.Task(network, spec.features, classes, config.loss, crop, plan.precision, fused, spec.view)


def _course(plan: TrainConfig, fold: Fold, spec: Spec, m: int) -> run_state.Course:
    share = fold.shares[spec.view]
    steps = plan.epochs * batches.steps_per_epoch(len(share.rows), plan.batch_size)
    member = ensemble.Member(
        hyper=jax.tree.map(np.float32, spec.hyper),
        scaler=share.scaler,
        class_weights=share.class_weights,
        total_steps=np.float32(steps),
        key=jax.random.fold_in(jax.random.key(fold.seed), m),
        other_scalers={name: fold.other_scalers[name] for name in models.fused_modalities(spec.options)},
    )
    name = f"{spec.name} (fold {fold.split.fold}, seed {fold.seed})"
    return run_state.Course(name, member, share.rows.astype(np.int32), share.valid)


def _fused(kinds: Sequence[Spec], view: int) -> set[str]:
    """What members of a view see beside the audio."""
    return {name for spec in kinds if spec.view == view for name in models.fused_modalities(spec.options)}


def _clips(assembled: Assembled, seen: Seen, fused: set[str]) -> step.Clips:
    rows, encoder = seen.rows, seen.encoder
    pretrained = {}
    if encoder and isinstance(seen.features, EncoderFeatures):
        pretrained = encoders.blocks_to_finetune(seen.features, encoder.params)
    labels = assembled.manifest.targets[rows.clip_index].astype(np.int32)
    beside = {name: one for name, one in assembled.others.items() if name in fused}
    own = modality_inputs.sequences(modality_inputs.rows(beside, rows.clip_index))
    return step.Clips(rows.features, rows.lengths, labels, pretrained, own)
