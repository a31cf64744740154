"""From a config to members: which networks a run trains, with which numbers, keys and clips."""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import numpy as np

from voxjax import encoders, losses, models, vote
from voxjax.config import Config, FeatureConfig, Hyper, TrainConfig, one_of
from voxjax.data import batches
from voxjax.edges import others, views
from voxjax.edges.assemble import Assembled, Fold, Seen
from voxjax.errors import UsageError, mismatch
from voxjax.frozen import freeze, thaw
from voxjax.train import devices, ensemble, layout, standing, step


class Spec(NamedTuple):
    """One member of the ensemble, before it meets a fold."""

    name: str
    architecture: str
    options: dict  # complete and checked
    hyper: Hyper
    features: FeatureConfig
    view: int  # of `views.distinct`: how it sees the clips


def specs(config: Config) -> list[Spec]:
    """The members of a run: `n_members`, taken in turn from `members`.

    Raises:
        UsageError: at an unknown architecture, option, modality, loss or number.
    """
    one_of("config.loss", config.loss, losses.LOSSES)
    one_of("config.vote", config.vote, vote.CHOICES)
    others.fused(config)
    kinds, distinct = views.kinds(config), views.distinct(config)
    found: list[Spec] = []
    for i in range(config.n_members):
        at = i % len(kinds)
        kind, view = kinds[at], views.of_kind(config, at)
        options = models.options(kind.architecture, kind.model)
        hyper = freeze(Hyper, {**thaw(config.hyper), **kind.hyper}, f"config.members[{at}].hyper")
        nth = 1 + sum(spec.architecture == kind.architecture for spec in found)
        name = f"{kind.architecture} {nth}"
        found.append(Spec(name, kind.architecture, options, hyper, view.features, distinct.index(view)))
    return found


def setup(config: Config, assembled: Assembled, folds: Sequence[Fold], cache: layout.Cache) -> standing.Setup:
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
    mesh = devices.mesh(config.devices.member, config.devices.data)
    members = [course.member for course in courses]
    via = layout.choose(config.members_via, tasks, members, host, config.train.batch_size, mesh, cache)
    program = ensemble.Program(ensemble.grouped(tasks, via), mesh)
    return standing.Setup(program, devices.everywhere(program, host), courses, config.train, config.guard, labels)


def via(setup: standing.Setup) -> str:
    """How the members are computed, in a word."""
    forms = {group.form for group in setup.program.groups}
    return "unroll" if forms == {"alone"} else "+".join(sorted(forms))


def _task(config: Config, spec: Spec, classes: int) -> step.Task:
    network = models.build(spec.architecture, spec.options, classes)
    plan, fused = config.train, models.modalities(spec.options)
    crop = round(1000 * plan.crop_s / spec.features.hop_ms)
    return step.Task(network, spec.features, classes, config.loss, crop, plan.precision, fused, spec.view)


def _course(plan: TrainConfig, fold: Fold, spec: Spec, m: int) -> standing.Course:
    share = fold.shares[spec.view]
    steps = plan.epochs * batches.steps_per_epoch(len(share.rows), plan.batch_size)
    member = ensemble.Member(
        hyper=jax.tree.map(np.float32, spec.hyper),
        scaler=share.scaler,
        class_weights=share.class_weights,
        total_steps=np.float32(steps),
        key=jax.random.fold_in(jax.random.key(fold.seed), m),
        other_scalers={name: fold.other_scalers[name] for name in models.modalities(spec.options)},
    )
    name = f"{spec.name} (fold {fold.split.fold}, seed {fold.seed})"
    return standing.Course(name, member, share.rows.astype(np.int32), share.valid)


def _fused(kinds: Sequence[Spec], view: int) -> set[str]:
    """What members of a view see beside the audio."""
    return {name for spec in kinds if spec.view == view for name in models.modalities(spec.options)}


def _clips(assembled: Assembled, seen: Seen, fused: set[str]) -> step.Clips:
    rows, encoder = seen.rows, seen.encoder
    pretrained = encoders.pretrained(seen.features, encoder.params) if encoder else {}
    labels = assembled.manifest.targets[rows.owners].astype(np.int32)
    beside = {name: one for name, one in assembled.others.items() if name in fused}
    own = others.sequences(others.rows(beside, rows.owners))
    return step.Clips(rows.features, rows.lengths, labels, pretrained, own)
