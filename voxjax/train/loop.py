"""Drives the compiled program over epochs: never waits on the device, stops members early, guards them."""

import dataclasses
import functools
import math
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from voxjax import metrics
from voxjax.config import GuardConfig, Hyper, TrainConfig
from voxjax.data import batches
from voxjax.errors import VoxJaxError, mismatch
from voxjax.models import Variables
from voxjax.train import collapse, devices, ensemble, step

Array = jax.Array

_EVALUATED_AT_ONCE = 64  # rows; the last chunk is padded, so one compilation serves any number

# The only places where compiled functions are made. The states' buffers are reused by the next ones.
train_step = jax.jit(ensemble.train_step, static_argnames="program", donate_argnames="states")
evaluate_step = jax.jit(ensemble.evaluate, static_argnames="program")
init_states = jax.jit(ensemble.init, static_argnames="program")
_sums = jax.jit(metrics.sums)


def compilations() -> int:
    """How often the training step has been compiled in this process."""
    return train_step._cache_size()  # type: ignore[attr-defined]


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
    clips: step.Clips  # on the devices
    courses: tuple[Course, ...]
    plan: TrainConfig
    guard: GuardConfig
    labels: tuple[str, ...]  # of the classes


class Standing(NamedTuple):
    """Where one member stands after whole epochs, on the host."""

    hyper: Hyper  # its numbers; recovering from a collapse changes them
    best: Variables
    best_uar: float
    best_epoch: int
    history: tuple[dict[str, float], ...]
    recovered: tuple[int, ...]  # epochs after which it was rolled back
    warning: str  # of the collapse guard, empty while all is well


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


def begin(setup: Setup) -> Progress:
    """Fresh weights, before the first epoch."""
    states = init_states(setup.program, setup.clips, _members(setup, [course.member.hyper for course in setup.courses]))
    each = kept(setup, states, [True] * len(setup.courses))
    members = tuple(
        Standing(course.member.hyper, state.averaged, -math.inf, 0, (), (), "")
        for course, state in zip(setup.courses, each, strict=True)
    )
    return Progress(0, states, members, tuple(each) if setup.guard.action == "recover" else ())


def fit(setup: Setup, progress: Progress, hooks: Hooks) -> Progress:
    """Trains until the last epoch, or until all members have stopped.

    A member stops when its validation UAR has not risen for `patience_epochs`; its state then stays as
    it is, inside the program.

    Args:
        setup: the run.
        progress: from `begin`, or restored from a checkpoint.
        hooks: told of steps, epochs and collapses.

    Returns:
        The progress at the end, with each member's best averaged weights.

    Raises:
        VoxJaxError: at a collapse, if the guard's action is `stop`, and where no step is finite.
    """
    while not finished(setup.plan, progress):
        started = time.perf_counter()
        epoch = progress.epoch
        going = [not stopped(setup.plan, member, epoch) for member in progress.members]
        members = _members(setup, [member.hyper for member in progress.members])
        agenda = _agenda(setup, epoch, going)
        on_step = functools.partial(hooks.on_step, epoch)
        with jax.transfer_guard("disallow"):
            states, sums = _epoch(setup, members, progress.states, agenda, on_step)
        seconds = time.perf_counter() - started
        logits = logits_of(setup, members, tuple(s.averaged for s in states), [c.valid for c in setup.courses])
        progress = _judge(setup, progress._replace(states=states), going, sums, logits, seconds)
        progress = _guard(setup, progress, going, hooks.on_collapse)
        hooks.on_epoch(progress, logits)
    return progress


def stopped(plan: TrainConfig, member: Standing, epoch: int) -> bool:
    """Whether the end of a member's patience is reached."""
    return epoch - member.best_epoch >= plan.patience_epochs


def finished(plan: TrainConfig, progress: Progress) -> bool:
    """Whether the last epoch is reached, or all members have stopped."""
    return progress.epoch >= plan.epochs or all(stopped(plan, m, progress.epoch) for m in progress.members)


def best_logits(setup: Setup, progress: Progress, sides: Sequence[Side]) -> list[np.ndarray]:
    """Each member's logits of its own side, with its best weights: `[clips, K]` each."""
    groups = setup.program.groups
    best = devices.by_member(setup.program, ensemble.stack(groups, [m.best for m in progress.members]))
    members = _members(setup, [member.hyper for member in progress.members])
    return logits_of(setup, members, best, sides)


def logits_of(
    setup: Setup, members: tuple[ensemble.Member, ...], variables: tuple[Variables, ...], sides: Sequence[Side]
) -> list[np.ndarray]:
    """Each member's logits of its own side, in chunks of one shape: `[clips, K]` each."""
    program = setup.program
    most = max(len(side.rows) for side in sides)
    padded = [np.resize(side.rows, -(-most // _EVALUATED_AT_ONCE) * _EVALUATED_AT_ONCE) for side in sides]
    parts = []
    for start in range(0, most, _EVALUATED_AT_ONCE):
        chunk = [rows[start : start + _EVALUATED_AT_ONCE].astype(np.int32) for rows in padded]
        indices = devices.by_batch(program, ensemble.stack(program.groups, chunk))
        parts.append(devices.fetch(evaluate_step(program, setup.clips, members, variables, indices)))
    stacks = [np.concatenate(chunks, axis=1) for chunks in zip(*parts, strict=True)]
    each = ensemble.unstack(program.groups, stacks)
    return [side.per_clip(logits[: len(side.rows)]) for side, logits in zip(sides, each, strict=True)]


def _members(setup: Setup, hypers: Sequence[Hyper]) -> tuple[ensemble.Member, ...]:
    """The members' own numbers on the devices, a stack a group."""
    each = [course.member._replace(hyper=hyper) for course, hyper in zip(setup.courses, hypers, strict=True)]
    return devices.by_member(setup.program, ensemble.stack(setup.program.groups, each))


def _agenda(setup: Setup, epoch: int, going: Sequence[bool]) -> list[tuple[tuple[Array, ...], tuple[Array, ...]]]:
    """For each step of the epoch, the batch of each member, and whether it takes part."""
    program, size = setup.program, setup.plan.batch_size
    orders = [
        course.rows[np.asarray(batches.order(course.member.key, np.int32(epoch), len(course.rows), size))]
        for course in setup.courses
    ]
    agenda = []
    for i in range(max(len(order) for order in orders)):
        batch = [order[min(i, len(order) - 1)].astype(np.int32) for order in orders]
        active = [np.array(go and i < len(order)) for go, order in zip(going, orders, strict=True)]
        stacks = (ensemble.stack(program.groups, both) for both in (batch, active))
        agenda.append((devices.by_batch(program, next(stacks)), devices.by_member(program, next(stacks))))
    return agenda


def _epoch(
    setup: Setup,
    members: tuple[ensemble.Member, ...],
    states: tuple[step.State, ...],
    agenda: Sequence[tuple[tuple[Array, ...], tuple[Array, ...]]],
    on_step: Callable[[int, float], None],
) -> tuple[tuple[step.State, ...], list[step.Sums]]:
    """All steps of an epoch. Step n - 1 is read after step n was dispatched, the last at the end."""
    read: list[list[step.Sums]] = []
    pending = None

    def take(sums: Any) -> None:
        each = ensemble.unstack(setup.program.groups, devices.fetch(sums))
        read.append(each)
        on_step(len(read), float(sum(s.loss for s in each) / max(1.0, sum(s.steps - s.nonfinite for s in each))))

    for indices, active in agenda:
        states, sums = train_step(setup.program, setup.clips, members, states, indices, active)
        if pending is not None:
            take(pending)
        pending = sums
    take(pending)
    return states, [
        step.Sums(*(np.sum(parts) for parts in zip(*of_one, strict=True))) for of_one in zip(*read, strict=True)
    ]


def _judge(
    setup: Setup,
    progress: Progress,
    going: Sequence[bool],
    sums: Sequence[step.Sums],
    logits: Sequence[np.ndarray],
    seconds: float,
) -> Progress:
    """The progress with one more epoch: its figures, and the averaged weights of members that are at their best."""
    epoch, members = progress.epoch + 1, list(progress.members)
    rows = [
        _row(epoch, one, judged, course.valid.labels, seconds)
        for one, judged, course in zip(sums, logits, setup.courses, strict=True)
    ]
    # Of equal epochs the later is kept: its average is over more steps.
    better = [go and row["valid_uar"] >= m.best_uar for go, row, m in zip(going, rows, members, strict=True)]
    best = kept(setup, tuple(s.averaged for s in progress.states), better)
    for i, (go, row) in enumerate(zip(going, rows, strict=True)):
        if go:
            members[i] = members[i]._replace(history=(*members[i].history, row))
        if better[i]:
            members[i] = members[i]._replace(best=best[i], best_uar=row["valid_uar"], best_epoch=epoch)
    return progress._replace(epoch=epoch, members=tuple(members))


def _row(epoch: int, sums: step.Sums, logits: np.ndarray, labels: np.ndarray, seconds: float) -> dict[str, float]:
    """One line of a member's history."""
    judged = metrics.divide(jax.device_get(_sums(logits, labels, np.ones(len(labels), np.float32))))
    taken = max(1.0, float(sums.steps - sums.nonfinite))
    signs = collapse.signs(logits.argmax(-1), labels, logits.shape[-1])
    return {
        "epoch": epoch,
        "train_loss": float(sums.loss) / taken,
        "train_accuracy": float(sums.correct) / max(1.0, float(sums.clips)),
        "valid_loss": judged["nll"],
        "valid_accuracy": judged["accuracy"],
        "valid_uar": judged["uar"],
        "learning_rate": float(sums.learning_rate) / taken,
        "gradient_norm": float(sums.gradient_norm) / taken,
        "commonest_share": signs.commonest_share,
        "commonest": signs.commonest,
        "prediction_entropy": signs.entropy,
        "true_share": signs.true_share,
        "true_entropy": signs.true_entropy,
        "nonfinite_steps": float(sums.nonfinite),
        "steps": float(sums.steps),
        "steps_per_s": float(sums.steps) / seconds,
        "seconds": seconds,
    }


def _guard(setup: Setup, progress: Progress, going: Sequence[bool], tell: Callable[[str], None]) -> Progress:
    """Looks at each member's last epochs, and does about a collapse what the run's guard is told to."""
    reasons = [_reason(setup, member) if go else None for member, go in zip(progress.members, going, strict=True)]
    members, again = list(progress.members), []
    for i, (member, reason) in enumerate(zip(members, reasons, strict=True)):
        if reason is None:
            continue
        said = f"{setup.courses[i].name}, epoch {progress.epoch}: {reason}"
        if setup.guard.action == "recover" and len(member.recovered) < setup.guard.recoveries:
            again.append(i)
            said += " (rolled back; rate and gamma lowered)"
            hyper = collapse.softened(setup.guard, member.hyper)
            members[i] = member._replace(hyper=hyper, recovered=(*member.recovered, progress.epoch), warning=said)
            tell(said)
        elif setup.guard.action != "warn" or _hopeless(member):
            do = "lower config.hyper.learning_rate, regularise less, or set config.guard.action=recover"
            raise VoxJaxError(mismatch("training", "finite steps and predictions of all classes", said, do))
        elif not member.warning:
            members[i] = member._replace(warning=said)
            tell(said)
    progress = progress._replace(members=tuple(members))
    return _rolled_back(setup, progress, again) if setup.guard.action == "recover" else progress


def _reason(setup: Setup, member: Standing) -> str | None:
    """Why the member is held to have collapsed since it was last rolled back."""
    since = max(member.recovered, default=0)
    return collapse.reason(setup.guard, [row for row in member.history if row["epoch"] > since], setup.labels)


def _hopeless(member: Standing) -> bool:
    row = member.history[-1]
    return row["nonfinite_steps"] == row["steps"]


def _rolled_back(setup: Setup, progress: Progress, again: Sequence[int]) -> Progress:
    """Rolls members back to their last healthy states, and notes which states are healthy now."""
    now, healthy = kept(setup, progress.states, [True] * len(progress.members)), list(progress.healthy)
    strict = dataclasses.replace(setup.guard, after_epochs=0, patience_epochs=1)
    for i, state in enumerate(now):
        if i in again:  # the step goes on counting: schedule and draws are of the present
            now[i] = healthy[i]._replace(step=state.step)
        elif collapse.reason(strict, progress.members[i].history[-1:], setup.labels) is None:
            healthy[i] = state
    progress = progress._replace(healthy=tuple(healthy))
    if not again:
        return progress
    return progress._replace(states=devices.by_member(setup.program, ensemble.stack(setup.program.groups, now)))


def kept(setup: Setup, stacks: tuple[Any, ...], wanted: Sequence[bool]) -> list[Any]:
    """Copies of members' trees on the host, which outlive donated states; None for those that are not wanted."""
    trees: list[Any] = [None] * len(wanted)
    for group, stacked in zip(setup.program.groups, stacks, strict=True):
        if any(wanted[place] for place in group.places):
            fetched = devices.fetch(stacked)
            for row, place in enumerate(group.places):
                if wanted[place]:
                    trees[place] = jax.tree.map(lambda x, row=row: np.array(x[row]), fetched)
    return trees
