"""Drives the compiled program over epochs: never waits on the device, stops members early, guards them."""

import functools
import math
import time
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np

from voxjax.config import Hyper
from voxjax.data import batches
from voxjax.metrics import classification
from voxjax.models import Variables
from voxjax.train import collapse_detection, collapse_recovery, ensemble, sharding, step, successive_halving
from voxjax.train.run_state import Hooks, Progress, Setup, Side, Standing, finished, kept, stopped

Array = jax.Array

_EVALUATED_AT_ONCE = 64  # rows; the last chunk is padded, so one compilation serves any number

# The only places where compiled functions are made. The states' buffers are reused by the next ones.
train_step = jax.jit(ensemble.train_step, static_argnames="program", donate_argnames="states")
evaluate_step = jax.jit(ensemble.evaluate, static_argnames="program")
init_state = jax.jit(ensemble.init, static_argnames="task")
fit_state = jax.jit(ensemble.fit, static_argnames="task")
_sums = jax.jit(classification.sums)


def compilations() -> int:
    """How often the training step has been compiled in this process."""
    return train_step._cache_size()  # type: ignore[attr-defined]


def begin(setup: Setup) -> Progress:
    """Fresh weights, before the first epoch; of a network with a closed form, those that are fitted."""
    tasks = {place: group.task for group in setup.program.groups for place in group.places}
    blank = [clips.each(lambda x: np.zeros((1, *x.shape[1:]), x.dtype)) for clips in setup.clips]  # the shape matters
    each = []
    for place, course in enumerate(setup.courses):
        task = tasks[place]
        state = init_state(task, blank[task.view], course.member)
        if task.network.closed_form:
            state = fit_state(task, setup.clips[task.view], course.member, state, course.rows)
        each.append(jax.tree.map(np.array, jax.device_get(state)))
    states = sharding.by_member(setup.program, ensemble.stack(setup.program.groups, each))
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
        progress = successive_halving.drop(setup, collapse_recovery.guard(setup, progress, going, hooks.on_collapse))
        hooks.on_epoch(progress, logits)
    return progress


def best_logits(setup: Setup, progress: Progress, sides: Sequence[Side]) -> list[np.ndarray]:
    """Each member's logits of its own side, with its best weights: `[clips, K]` each."""
    groups = setup.program.groups
    best = sharding.by_member(setup.program, ensemble.stack(groups, [m.best for m in progress.members]))
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
        indices = sharding.by_batch(program, ensemble.stack(program.groups, chunk))
        parts.append(sharding.fetch(evaluate_step(program, setup.clips, members, variables, indices)))
    stacks = [np.concatenate(chunks, axis=1) for chunks in zip(*parts, strict=True)]
    each = ensemble.unstack(program.groups, stacks)
    return [side.per_clip(logits[: len(side.rows)]) for side, logits in zip(sides, each, strict=True)]


def _members(setup: Setup, hypers: Sequence[Hyper]) -> tuple[ensemble.Member, ...]:
    """The members' own numbers on the devices, a stack a group."""
    each = [course.member._replace(hyper=hyper) for course, hyper in zip(setup.courses, hypers, strict=True)]
    return sharding.by_member(setup.program, ensemble.stack(setup.program.groups, each))


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
        agenda.append((sharding.by_batch(program, next(stacks)), sharding.by_member(program, next(stacks))))
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
        each = ensemble.unstack(setup.program.groups, sharding.fetch(sums))
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
    least = {"best": 0.0, "last": math.inf}[setup.plan.keep]  # how far below the best an epoch may lie
    better = [go and row["valid_uar"] >= m.best_uar - least for go, row, m in zip(going, rows, members, strict=True)]
    best = kept(setup, tuple(s.averaged for s in progress.states), better)
    for i, (go, row) in enumerate(zip(going, rows, strict=True)):
        if go:
            members[i] = members[i]._replace(history=(*members[i].history, row))
        if better[i]:
            members[i] = members[i]._replace(best=best[i], best_uar=row["valid_uar"], best_epoch=epoch)
    return progress._replace(epoch=epoch, members=tuple(members))


def _row(epoch: int, sums: step.Sums, logits: np.ndarray, labels: np.ndarray, seconds: float) -> dict[str, float]:
    """One line of a member's history."""
    judged = classification.ratios(jax.device_get(_sums(logits, labels, np.ones(len(labels), np.float32))))
    taken = max(1.0, float(sums.steps - sums.nonfinite))
    signs = collapse_detection.signs(logits.argmax(-1), labels, logits.shape[-1])
    return {
        "epoch": epoch,
        "train_loss": float(sums.loss) / taken,
        "train_accuracy": float(sums.correct) / max(1.0, float(sums.clips)),
        "valid_loss": judged["nll"],
        "valid_accuracy": judged["accuracy"],
        "valid_uar": judged["uar"],
        "learning_rate": float(sums.learning_rate) / taken,
        "gradient_norm": float(sums.gradient_norm) / taken,
        "majority_fraction": signs.majority_fraction,
        "majority_class": signs.majority_class,
        "prediction_entropy": signs.entropy,
        "true_majority_fraction": signs.true_majority_fraction,
        "true_entropy": signs.true_entropy,
        "nonfinite_steps": float(sums.nonfinite),
        "steps": float(sums.steps),
        "steps_per_s": float(sums.steps) / seconds,
        "seconds": seconds,
    }
