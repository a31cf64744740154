"""The setup of a run, and its state after complete epochs."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Float, Int, PyTree

from voxjax.config import GuardConfig, Hyper, TrainConfig
from voxjax.models import Variables
from voxjax.train import ensemble, sharding, step


class EvalSplit(NamedTuple):
    """Clips to evaluate on, on the host. A long clip has several rows, the logits of which are averaged."""

    rows: Int[np.ndarray, " rows"]  # of the feature rows on the device
    clip_index: Int[np.ndarray, " rows"]  # the clip of each row, counted within this split
    labels: Int[np.ndarray, " clips"]


class MemberPlan(NamedTuple):
    """The training rows and the validation clips of one member."""

    name: str
    arrays: ensemble.MemberArrays  # on the host
    rows: Int[np.ndarray, " rows"]  # int32, of the feature rows on the device: the training rows
    valid: EvalSplit


class RunSetup(NamedTuple):
    """The values of a run that are fixed before its first epoch."""

    program: ensemble.Program  # all members
    clips: tuple[step.Clips, ...]  # on the devices, one per feature set
    plans: tuple[MemberPlan, ...]
    train: TrainConfig
    guard: GuardConfig
    labels: tuple[str, ...]  # names of the classes
    rungs: tuple[int, ...] = ()  # epochs after which the worse half of the members is dropped

    @property
    def sgd(self) -> ensemble.Program:
        """The program of the members that are trained in steps, without those fitted in closed form."""
        groups = tuple(group for group in self.program.groups if not group.task.network.closed_form)
        return self.program if len(groups) == len(self.program.groups) else ensemble.Program(groups, self.program.mesh)

    @property
    def sgd_members(self) -> frozenset[int]:
        """The members that are trained in steps."""
        return frozenset(i for group in self.sgd.groups for i in group.member_ids)

    @property
    def epochs(self) -> int:
        """The maximum number of epochs: 1 if all members are fitted in closed form."""
        return self.train.epochs if self.sgd.groups else 1


class MemberState(NamedTuple):
    """One member after complete epochs, on the host."""

    hyper: Hyper  # its hyperparameters, which a collapse recovery changes
    best: Variables
    best_uar: float
    best_epoch: int
    history: tuple[dict[str, float], ...]
    recovered: tuple[int, ...]  # epochs after which it was rolled back
    warning: str  # of the collapse guard; empty without a collapse
    dropped: int = 0  # the epoch after which successive halving dropped it; 0 if it was not dropped


class RunState(NamedTuple):
    """A run after complete epochs."""

    epoch: int
    states: tuple[step.State, ...]  # a stack per group of `RunSetup.sgd`, on the devices
    members: tuple[MemberState, ...]
    healthy: tuple[step.State, ...]  # each member's last healthy state, for recovery; empty without recovery


class Hooks(NamedTuple):
    """Callbacks of the loop: after each step that was read, after each epoch, and at a collapse."""

    on_step: Callable[[int, int, float], None]  # epoch, step of the epoch, mean loss
    on_epoch: Callable[[RunState, list[Float[np.ndarray, "_ K"]]], None]  # and each member's validation logits
    on_collapse: Callable[[str], None]


def stopped(train: TrainConfig, member: MemberState, epoch: int) -> bool:
    """Whether a member was dropped, or its patience has ended."""
    return member.dropped > 0 or epoch - member.best_epoch >= train.patience_epochs


def finished(setup: RunSetup, run: RunState) -> bool:
    """Whether the last epoch is reached, or all members have stopped."""
    if run.epoch >= setup.epochs:
        return True
    training = [run.members[i] for i in setup.sgd_members]
    return bool(training) and all(stopped(setup.train, member, run.epoch) for member in training)


def fetch_members(program: ensemble.Program, stacks: Sequence[PyTree], wanted: Sequence[bool]) -> list[PyTree]:
    """Copies of members' trees on the host, independent of donated states; None for members that are not wanted."""
    trees: list[PyTree] = [None] * len(wanted)
    for group, stacked in zip(program.groups, stacks, strict=True):
        if any(wanted[i] for i in group.member_ids):
            fetched = sharding.fetch(stacked)
            for row, i in enumerate(group.member_ids):
                if wanted[i]:
                    trees[i] = jax.tree.map(lambda x, row=row: np.array(x[row]), fetched)
    return trees
