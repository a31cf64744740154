"""From a config to members: which networks a run trains, with which numbers, keys and clips."""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import numpy as np

from voxjax import losses, models, vote
from voxjax.config import Config, Hyper, MemberConfig, TrainConfig, one_of
from voxjax.data import batches
from voxjax.edges.assemble import Assembled, Fold
from voxjax.errors import UsageError, mismatch
from voxjax.frozen import freeze, thaw
from voxjax.train import devices, ensemble, layout, standing, step


class Spec(NamedTuple):
    """One member of the ensemble, before it meets a fold."""

    name: str
    architecture: str
    options: dict  # complete and checked
    hyper: Hyper


def specs(config: Config) -> list[Spec]:
    """The members of a run: `n_members`, taken in turn from `members`.

    Raises:
        UsageError: at an unknown architecture, option, loss or number.
    """
    one_of("config.loss", config.loss, losses.LOSSES)
    one_of("config.vote", config.vote, vote.CHOICES)
    kinds = config.members or (MemberConfig(config.architecture, config.model),)
    found: list[Spec] = []
    for i in range(config.n_members):
        kind = kinds[i % len(kinds)]
        options = models.options(kind.architecture, kind.model)
        hyper = freeze(Hyper, {**thaw(config.hyper), **kind.hyper}, f"config.members[{i % len(kinds)}].hyper")
        nth = 1 + sum(spec.architecture == kind.architecture for spec in found)
        found.append(Spec(f"{kind.architecture} {nth}", kind.architecture, options, hyper))
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
    networks = [models.build(spec.architecture, spec.options, len(labels)) for spec in kinds]
    crop = round(1000 * config.train.crop_s / config.features.hop_ms)
    tasks = [step.Task(network, config.features, len(labels), config.loss, crop) for network in networks] * len(folds)
    courses = tuple(_course(config.train, fold, spec, m) for fold in folds for m, spec in enumerate(kinds))
    host = step.Clips(assembled.rows.features, assembled.rows.lengths, _row_labels(assembled))
    mesh = devices.mesh(config.devices.member, config.devices.data)
    members = [course.member for course in courses]
    via = layout.choose(config.members_via, tasks, members, host, config.train.batch_size, mesh, cache)
    program = ensemble.Program(ensemble.grouped(tasks, via), mesh)
    return standing.Setup(program, devices.everywhere(program, host), courses, config.train, config.guard, labels)


def via(setup: standing.Setup) -> str:
    """How the members are computed, in a word."""
    forms = {group.form for group in setup.program.groups}
    return "unroll" if forms == {"alone"} else "+".join(sorted(forms))


def _course(plan: TrainConfig, fold: Fold, spec: Spec, m: int) -> standing.Course:
    steps = plan.epochs * batches.steps_per_epoch(len(fold.rows), plan.batch_size)
    member = ensemble.Member(
        hyper=jax.tree.map(np.float32, spec.hyper),
        scaler=fold.scaler,
        class_weights=fold.class_weights,
        total_steps=np.float32(steps),
        key=jax.random.fold_in(jax.random.key(fold.seed), m),
    )
    name = f"{spec.name} (fold {fold.split.fold}, seed {fold.seed})"
    return standing.Course(name, member, fold.rows.astype(np.int32), fold.valid)


def _row_labels(assembled: Assembled) -> np.ndarray:
    return assembled.manifest.targets[assembled.rows.owners].astype(np.int32)
