"""Where a run stands: what it was set up with, and each member after whole epochs."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from voxjax.config import GuardConfig, Hyper, TrainConfig
from voxjax.models import Variables
from voxjax.train import ensemble, sharding, step


class Side(NamedTuple):
    """Clips to judge by, on the host."""

    rows: np.ndarray  # int [n], of the clips on the device
    per_clip: Callable[[np.ndarray], np.ndarray]  # logits of rows to logits of clips
    labels: np.ndarray  # of clips


class Course(NamedTuple):
    """What one member is taken through."""

    name: str
    member: ensemble.Member  # arrays on the host
    rows: np.ndarray  # int32 [n], of the clips on the device: those it learns from
    valid: Side


class Setup(NamedTuple):
    """All that a run is, before its first epoch."""

    program: ensemble.Program
    clips: tuple[step.Clips, ...]  # on the devices, one a view
    courses: tuple[Course, ...]
    plan: TrainConfig
    guard: GuardConfig
    labels: tuple[str, ...]  # of the classes
    rungs: tuple[int, ...] = ()  # epochs after which the worse half of the members is dropped


class Standing(NamedTuple):
    """Where one member stands after whole epochs, on the host."""

    hyper: Hyper  # its numbers; recovering from a collapse changes them
    best: Variables
    best_uar: float
    best_epoch: int
    history: tuple[dict[str, float], ...]
    recovered: tuple[int, ...]  # epochs after which it was rolled back
    warning: str  # of the collapse guard, empty while all is well
    dropped: int = 0  # the epoch after which it was, 0 while it was not


class Progress(NamedTuple):
    """Where the run stands after whole epochs."""

    epoch: int
    states: tuple[step.State, ...]  # a stack a group, on the devices
    members: tuple[Standing, ...]
    healthy: tuple[Any, ...]  # each member's last healthy state, to recover to; empty where that is not wanted


class Hooks(NamedTuple):
    """What the outside is told: after each step read, after each epoch, and of a collapse."""

    on_step: Callable[[int, int, float], None]  # epoch, step of the epoch, mean loss
    on_epoch: Callable[[Progress, list[np.ndarray]], None]  # and each member's validation logits [clips, K]
    on_collapse: Callable[[str], None]


def stopped(plan: TrainConfig, member: Standing, epoch: int) -> bool:
    """Whether a member is dropped, or the end of its patience is reached."""
    return member.dropped > 0 or epoch - member.best_epoch >= plan.patience_epochs


def finished(plan: TrainConfig, progress: Progress) -> bool:
    """Whether the last epoch is reached, or all members have stopped."""
    return progress.epoch >= plan.epochs or all(stopped(plan, m, progress.epoch) for m in progress.members)


def kept(setup: Setup, stacks: tuple[Any, ...], wanted: Sequence[bool]) -> list[Any]:
    """Copies of members' trees on the host, which outlive donated states; None for those that are not wanted."""
    trees: list[Any] = [None] * len(wanted)
    for group, stacked in zip(setup.program.groups, stacks, strict=True):
        if any(wanted[place] for place in group.places):
            fetched = sharding.fetch(stacked)
            for row, place in enumerate(group.places):
                if wanted[place]:
                    trees[place] = jax.tree.map(lambda x, row=row: np.array(x[row]), fetched)
    return trees
