"""Runs the compiled program over epochs without waiting on the device, and stops members early."""

import functools
import math
import time
from collections.abc import Callable, Sequence

import jax
import jax.monitoring
import numpy as np
from jax.sharding import Mesh
from jaxtyping import Array, Bool, Float, Int

from voxjax.data import batches
from voxjax.metrics import classification
from voxjax.models import Variables
from voxjax.train import (
    closed_form,
    collapse_detection,
    collapse_recovery,
    compiler_options,
    ensemble,
    sharding,
    step,
    successive_halving,
)
from voxjax.train.run_state import EvalSplit, Hooks, MemberState, RunSetup, RunState, fetch_members, finished, stopped

# Of one step: for each group, the rows of its members' batches, and which members take part.
Batches = tuple[tuple[Int[Array, "_ B"], ...], tuple[Bool[Array, " _"], ...]]

_EVALUATION_ROWS = 64  # rows at once; the last chunk is padded, so that one compilation is enough

# All compiled functions of training. The buffers of states are donated to the next states.
train_step = jax.jit(ensemble.train_step, static_argnames="program", donate_argnames="states")
evaluate_step = jax.jit(ensemble.evaluate, static_argnames="program")
_sums = jax.jit(classification.sums)


def init_state(mesh: Mesh) -> Callable[..., step.State]:
    """The compiled `ensemble.init` for devices of this mesh."""
    return compiler_options.compiled_once(ensemble.init, "task", mesh.devices.flat[0].platform)


def begin(setup: RunSetup) -> RunState:
    """Fresh weights, before the first epoch."""
    tasks = {i: group.task for group in setup.program.groups for i in group.member_ids}
    blank = [
        clips.map_rows(lambda x: np.zeros((1, *x.shape[1:]), x.dtype)) for clips in setup.clips
    ]  # only their shapes are used
    states, initial = [], init_state(setup.program.mesh)
    for i, plan in enumerate(setup.plans):
        own = (blank[tasks[i].feature_set], plan.arrays)
        if i in setup.sgd_members:
            states.append(jax.tree.map(np.array, jax.device_get(initial(tasks[i], *own))))
        else:  # `fit` computes its weights; here they only have a shape
            shapes = jax.eval_shape(functools.partial(ensemble.init, tasks[i]), *own)
            states.append(jax.tree.map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), shapes))
    stacks = sharding.shard_members(setup.sgd, ensemble.stack(setup.sgd.groups, states))
    members = tuple(
        MemberState(plan.arrays.hyper, state.averaged, -math.inf, 0, (), (), "")
        for plan, state in zip(setup.plans, states, strict=True)
    )
    return RunState(0, stacks, members, tuple(states) if setup.guard.action == "recover" else ())


def fit(setup: RunSetup, run: RunState, hooks: Hooks) -> RunState:
    """Trains until the last epoch, or until all members have stopped.

    A member stops when its validation UAR has not risen for `patience_epochs`; its state then stays as
    it is, inside the program. Members with a closed form are fitted in the first epoch.

    Args:
        setup: the run.
        run: from `begin`, or restored from a checkpoint.
        hooks: called after steps and epochs, and at collapses.

    Returns:
        The final state of the run, with each member's best averaged weights.

    Raises:
        VoxJaxError: at a collapse if the guard's action is `stop`, and if no step is finite.
    """
    while not finished(setup, run):
        started = time.perf_counter()
        arrays, trained = _arrays(setup, run), setup.sgd_members
        training = [
            i in trained and not stopped(setup.train, member, run.epoch) for i, member in enumerate(run.members)
        ]
        run, sums = _trained(setup, run, arrays, training, hooks)
        run, fitted = _fitted(setup, run, arrays)
        logits = _averaged_logits(setup, run, arrays, [plan.valid for plan in setup.plans])
        run = _evaluated(setup, run, training, sums | fitted, logits, time.perf_counter() - started)
        run = successive_halving.drop(setup, collapse_recovery.check(setup, run, training, hooks.on_collapse))
        hooks.on_epoch(run, logits)
    return run


def best_logits(setup: RunSetup, run: RunState, splits: Sequence[EvalSplit]) -> list[Float[np.ndarray, "_ K"]]:
    """Logits of each member on its own split, with its best weights: `[clips, K]` each."""
    best = ensemble.stack(setup.program.groups, [member.best for member in run.members])
    return _logits(setup, _arrays(setup, run), sharding.shard_members(setup.program, best), splits)


def _averaged_logits(
    setup: RunSetup, run: RunState, arrays: tuple[ensemble.MemberArrays, ...], splits: Sequence[EvalSplit]
) -> list[Float[np.ndarray, "_ K"]]:
    """Logits of each member on its own split, with its current averaged weights: `[clips, K]` each."""
    states = iter(run.states)
    variables: list[Variables] = []
    for group in setup.program.groups:
        if group.task.network.closed_form:
            alone = ensemble.Program((group,), setup.program.mesh)
            best = ensemble.stack(alone.groups, [member.best for member in run.members])
            variables += sharding.shard_members(alone, best)
        else:
            variables.append(next(states).averaged)
    return _logits(setup, arrays, tuple(variables), splits)


def _logits(
    setup: RunSetup,
    arrays: tuple[ensemble.MemberArrays, ...],
    variables: tuple[Variables, ...],
    splits: Sequence[EvalSplit],
) -> list[Float[np.ndarray, "_ K"]]:
    """Each member's logits on its own split, in chunks of one shape: `[clips, K]` each."""
    program = setup.program
    longest = max(len(split.rows) for split in splits)
    padded = [np.resize(split.rows, -(-longest // _EVALUATION_ROWS) * _EVALUATION_ROWS) for split in splits]
    parts = []
    for start in range(0, longest, _EVALUATION_ROWS):
        chunk = [rows[start : start + _EVALUATION_ROWS].astype(np.int32) for rows in padded]
        indices = sharding.shard_batch(program, ensemble.stack(program.groups, chunk))
        parts.append(sharding.fetch(evaluate_step(program, setup.clips, arrays, variables, indices)))
    stacks = [np.concatenate(chunks, axis=1) for chunks in zip(*parts, strict=True)]
    members_logits = ensemble.unstack(program.groups, stacks)
    return [clip_means(logits, split) for logits, split in zip(members_logits, splits, strict=True)]


def clip_means(logits: Float[np.ndarray, "rows K"], split: EvalSplit) -> Float[np.ndarray, "clips K"]:
    """Mean logits of each clip of the split over its rows: `[at least rows, K] -> [clips, K]`."""
    total = np.zeros((len(split.labels), logits.shape[1]), logits.dtype)
    np.add.at(total, split.clip_index, logits[: len(split.rows)])
    return total / np.bincount(split.clip_index, minlength=len(split.labels))[:, None]


def _arrays(setup: RunSetup, run: RunState) -> tuple[ensemble.MemberArrays, ...]:
    """The members' arrays with their current hyperparameters on the devices, one stack per group."""
    members = [plan.arrays._replace(hyper=member.hyper) for plan, member in zip(setup.plans, run.members, strict=True)]
    return sharding.shard_members(setup.program, ensemble.stack(setup.program.groups, members))


def _trained(
    setup: RunSetup,
    run: RunState,
    arrays: tuple[ensemble.MemberArrays, ...],
    training: Sequence[bool],
    hooks: Hooks,
) -> tuple[RunState, dict[int, step.Sums]]:
    """The run after the steps of one epoch, and the sums of each member."""
    if not setup.sgd.groups:
        return run, {}
    groups = zip(setup.program.groups, arrays, strict=True)
    members = tuple(own for group, own in groups if not group.task.network.closed_form)
    schedule = _schedule(setup, run.epoch, training)
    on_step = functools.partial(hooks.on_step, run.epoch)
    with jax.transfer_guard("disallow"):
        states, sums = _epoch(setup, members, run.states, schedule, on_step)
    return run._replace(states=states), sums


def _fitted(
    setup: RunSetup, run: RunState, arrays: tuple[ensemble.MemberArrays, ...]
) -> tuple[RunState, dict[int, step.Sums]]:
    """The run with its closed-form members fitted, in the first epoch, and their sums over training clips."""
    fitted = closed_form.fit_members(setup) if run.epoch == 0 else {}
    if not fitted:
        return run, {}
    members = [member._replace(best=fitted[i]) if i in fitted else member for i, member in enumerate(run.members)]
    run = run._replace(members=tuple(members))
    splits = [closed_form.training_split(setup, i) if i in fitted else plan.valid for i, plan in enumerate(setup.plans)]
    logits = _averaged_logits(setup, run, arrays, splits)
    return run, {i: _training_sums(logits[i], splits[i].labels) for i in fitted}


def _training_sums(logits: Float[np.ndarray, "clips K"], labels: Int[np.ndarray, " clips"]) -> step.Sums:
    """Sums over training clips of a closed-form member."""
    sums = jax.device_get(_sums(logits, labels, np.ones(len(labels), np.float32)))
    means = classification.ratios(sums)
    clips, none = np.float32(len(labels)), np.float32(0)
    return step.Sums(means["nll"] * clips, means["accuracy"] * clips, clips, none, none, none, none)


def _schedule(setup: RunSetup, epoch: int, training: Sequence[bool]) -> list[Batches]:
    """For each step of the epoch, the batch of each member, and whether it takes part."""
    program, size = setup.sgd, setup.train.batch_size
    orders = [
        plan.rows[np.asarray(batches.order(plan.arrays.key, np.int32(epoch), len(plan.rows), size))]
        for plan in setup.plans
    ]
    steps = max(len(orders[i]) for i in setup.sgd_members)
    schedule = []
    for k in range(steps):
        batch = [order[min(k, len(order) - 1)].astype(np.int32) for order in orders]
        active = [np.array(on and k < len(order)) for on, order in zip(training, orders, strict=True)]
        schedule.append(
            (
                sharding.shard_batch(program, ensemble.stack(program.groups, batch)),
                sharding.shard_members(program, ensemble.stack(program.groups, active)),
            )
        )
    return schedule


def _epoch(
    setup: RunSetup,
    members: tuple[ensemble.MemberArrays, ...],
    states: tuple[step.State, ...],
    schedule: Sequence[Batches],
    on_step: Callable[[int, float], None],
) -> tuple[tuple[step.State, ...], dict[int, step.Sums]]:
    """Runs all steps of an epoch. Step n - 1 is read after step n was dispatched, the last at the end."""
    read: list[list[step.Sums]] = []
    pending: tuple[step.Sums, ...] = ()

    def take(sums: tuple[step.Sums, ...]) -> None:
        own = ensemble.unstack(setup.sgd.groups, sharding.fetch(sums))
        read.append([each for each in own if each is not None])
        on_step(len(read), float(sum(s.loss for s in read[-1]) / max(1.0, sum(s.clips for s in read[-1]))))

    for indices, active in schedule:
        states, sums = train_step(setup.sgd, setup.clips, members, states, indices, active)
        if pending:
            take(pending)
        pending = sums
    take(pending)
    totals = [step.Sums(*(np.sum(parts) for parts in zip(*own, strict=True))) for own in zip(*read, strict=True)]
    return states, dict(zip(sorted(setup.sgd_members), totals, strict=True))


def _evaluated(
    setup: RunSetup,
    run: RunState,
    training: Sequence[bool],
    sums: dict[int, step.Sums],
    logits: Sequence[Float[np.ndarray, "_ K"]],
    seconds: float,
) -> RunState:
    """The run with one more epoch: its figures, and the averaged weights of members in their best epoch."""
    epoch, members = run.epoch + 1, list(run.members)
    new = [on or (i in sums and i not in setup.sgd_members) for i, on in enumerate(training)]
    rows = {i: _row(epoch, sums[i], logits[i], setup.plans[i].valid.labels, seconds) for i, on in enumerate(new) if on}
    # Of equally good epochs the later is kept: its weights are averaged over more steps.
    tolerance = {"best": 0.0, "last": math.inf}[setup.train.keep]  # difference up to which scores count as equal
    better = [on and rows[i]["valid_uar"] >= members[i].best_uar - tolerance for i, on in enumerate(new)]
    trained = [good and i in setup.sgd_members for i, good in enumerate(better)]
    best = fetch_members(setup.sgd, tuple(state.averaged for state in run.states), trained)
    for i, row in rows.items():
        members[i] = members[i]._replace(history=(*members[i].history, row))
        if better[i]:
            weights = best[i] if trained[i] else members[i].best
            members[i] = members[i]._replace(best=weights, best_uar=row["valid_uar"], best_epoch=epoch)
    return run._replace(epoch=epoch, members=tuple(members))


def _row(
    epoch: int,
    sums: step.Sums,
    logits: Float[np.ndarray, "clips K"],
    labels: Int[np.ndarray, " clips"],
    seconds: float,
) -> dict[str, float]:
    """One row of a member's history."""
    valid = classification.ratios(jax.device_get(_sums(logits, labels, np.ones(len(labels), np.float32))))
    steps, clips = max(1.0, float(sums.steps - sums.nonfinite)), max(1.0, float(sums.clips))
    predictions = collapse_detection.prediction_statistics(logits.argmax(-1), labels, logits.shape[-1])
    return {
        "epoch": epoch,
        "train_loss": float(sums.loss) / clips,
        "train_accuracy": float(sums.correct) / clips,
        "valid_loss": valid["nll"],
        "valid_accuracy": valid["accuracy"],
        "valid_uar": valid["uar"],
        "learning_rate": float(sums.learning_rate) / steps,
        "gradient_norm": float(sums.gradient_norm) / steps,
        "majority_fraction": predictions.majority_fraction,
        "majority_class": predictions.majority_class,
        "prediction_entropy": predictions.entropy,
        "true_majority_fraction": predictions.true_majority_fraction,
        "true_entropy": predictions.true_entropy,
        "nonfinite_steps": float(sums.nonfinite),
        "steps": float(sums.steps),
        "steps_per_s": float(sums.steps) / seconds,
        "seconds": seconds,
    }
