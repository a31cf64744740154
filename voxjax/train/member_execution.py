"""The choice of an execution mode for members of one architecture, by a short measurement that is cached."""

import hashlib
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import numpy as np
from jax.sharding import Mesh

from voxjax.train import ensemble, sharding, step

_STEPS = 4  # timed after compilation; the fastest is used
_STACKED = 2  # members that are timed together
_CLEARLY = (
    0.8  # of unroll's time for vmap to be chosen, so that noise does not decide: only unroll has the bits of one member
)


class TimingCache(NamedTuple):
    """A cache of measurements, seconds by name, and a callback for a line about the choice."""

    read: Callable[[str], float | None]
    write: Callable[[str, float], None]
    report: Callable[[str], None]


def choose(
    mode: str,
    tasks: Sequence[step.Task],
    members: Sequence[ensemble.MemberArrays],
    clips: tuple[step.Clips, ...],
    batch_size: int,
    mesh: Mesh,
    cache: TimingCache,
) -> str:
    """The execution mode `vmap`, `map` or `unroll`: for `auto`, `unroll` unless `vmap` is clearly faster here.

    Only members of equal tasks can be stacked; without any, nothing is measured. A mesh with a member axis
    divides stacks, and many processes need the same choice, so with these `auto` is `vmap`. Results of
    training are equal up to rounding.

    Args:
        mode: `vmap`, `map`, `unroll` or `auto`.
        tasks, members: of the run.
        clips: on the host, one per feature set; a few are taken to measure with.
        batch_size: of the run.
        mesh: of the run.
        cache: of earlier measurements.
    """
    if mode != "auto":
        return mode
    if mesh.shape["member"] > 1 or jax.process_count() > 1:
        return "vmap"
    repeated = [task for task in dict.fromkeys(tasks) if tasks.count(task) >= _STACKED and not task.network.closed_form]
    if not repeated:
        return "unroll"
    few = tuple(feature_set.map_rows(lambda x: x[: 2 * batch_size]) for feature_set in clips)
    per_member: dict[str, float] = {"unroll": 0.0, "vmap": 0.0}
    for task in repeated:
        member = members[tasks.index(task)]
        for candidate in per_member:
            per_member[candidate] += _seconds(candidate, task, member, few, batch_size, mesh, cache)
    best = "vmap" if per_member["vmap"] < _CLEARLY * per_member["unroll"] else "unroll"
    times = ", ".join(f"{candidate} {1e3 * seconds:.0f} ms" for candidate, seconds in per_member.items())
    cache.report(f"member_execution=auto: {times} per step and member, so {best}")
    return best


def _seconds(
    mode: str,
    task: step.Task,
    member: ensemble.MemberArrays,
    clips: tuple[step.Clips, ...],
    batch_size: int,
    mesh: Mesh,
    cache: TimingCache,
) -> float:
    """Seconds of a step of two members, per member: measured, or read from the cache."""
    device = mesh.devices.flat[0]
    own = clips[task.feature_set]
    shapes = [leaf.shape[1:] for leaf in jax.tree.leaves((own.features, own.modality_inputs))]
    measured = (mode, repr(task), batch_size, shapes, device.device_kind, jax.__version__)
    name = "member-execution-" + hashlib.sha256(repr(measured).encode()).hexdigest()[:16]
    kept = cache.read(name)
    if kept is not None:
        return kept
    seconds = _fastest_step(mode, task, member, clips, batch_size, mesh) / _STACKED
    cache.write(name, seconds)
    return seconds


def _fastest_step(
    mode: str,
    task: step.Task,
    member: ensemble.MemberArrays,
    clips: tuple[step.Clips, ...],
    batch_size: int,
    mesh: Mesh,
) -> float:
    """Seconds of the fastest of a few steps of two equal members."""
    program = ensemble.Program(ensemble.group_members([task] * _STACKED, mode), mesh)
    placed = sharding.replicate(program, clips)
    members = sharding.shard_members(program, ensemble.stack(program.groups, [member] * _STACKED))
    batch = np.resize(np.arange(len(clips[task.feature_set].labels), dtype=np.int32), batch_size)
    indices = sharding.shard_batch(program, ensemble.stack(program.groups, [batch] * _STACKED))
    active = sharding.shard_members(program, ensemble.stack(program.groups, [np.array(True)] * _STACKED))
    state = jax.device_get(jax.jit(ensemble.init, static_argnames="task")(task, clips[task.feature_set], member))
    states = sharding.shard_members(program, ensemble.stack(program.groups, [state] * _STACKED))
    function = jax.jit(ensemble.train_step, static_argnames="program", donate_argnames="states")
    times = []
    for _ in range(1 + _STEPS):
        started = time.perf_counter()
        states, sums = function(program, placed, members, states, indices, active)
        jax.block_until_ready(sums)
        times.append(time.perf_counter() - started)
    return min(times[1:])
