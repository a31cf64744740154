"""How equal members are computed on this device: chosen by a short measurement, which is printed and kept."""

import hashlib
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import numpy as np
from jax.sharding import Mesh

from voxjax.train import ensemble, sharding, step

_STEPS = 4  # timed after the one that compiles; the fastest counts
_STACKED = 2  # members that are timed together
_CLEARLY = 0.8  # of unroll's time: only unroll gives a member the bits that it has alone, so noise must not decide


class Cache(NamedTuple):
    """Where measurements are kept, seconds by name, and who is told of them."""

    read: Callable[[str], float | None]
    write: Callable[[str, float], None]
    tell: Callable[[str], None]


def choose(
    via: str,
    tasks: Sequence[step.Task],
    members: Sequence[ensemble.Member],
    clips: tuple[step.Clips, ...],
    batch_size: int,
    mesh: Mesh,
    cache: Cache,
) -> str:
    """`vmap`, `map` or `unroll`: as asked for; where `auto` is, `unroll` unless `vmap` is clearly faster here.

    Only members of equal tasks can be stacked, so without any, there is nothing to measure. A mesh with a
    member axis divides stacks, and many processes must agree, so there `auto` is `vmap`. The numbers that
    training gives are the same up to rounding.

    Args:
        via: `vmap`, `map`, `unroll` or `auto`.
        tasks, members: of the run.
        clips: on the host, one a view; a few are taken to measure with.
        batch_size: of the run.
        mesh: of the run.
        cache: of earlier measurements.
    """
    if via != "auto":
        return via
    if mesh.shape["member"] > 1 or jax.process_count() > 1:
        return "vmap"
    shared = [task for task in dict.fromkeys(tasks) if tasks.count(task) >= _STACKED]
    if not shared:
        return "unroll"
    few = tuple(each.each(lambda x: x[: 2 * batch_size]) for each in clips)
    per_member: dict[str, float] = {"unroll": 0.0, "vmap": 0.0}
    for task in shared:
        member = members[tasks.index(task)]
        for form in per_member:
            per_member[form] += _seconds(form, task, member, few, batch_size, mesh, cache)
    best = "vmap" if per_member["vmap"] < _CLEARLY * per_member["unroll"] else "unroll"
    said = ", ".join(f"{form} {1e3 * seconds:.0f} ms" for form, seconds in per_member.items())
    cache.tell(f"member_execution=auto: {said} a step and member, so {best}")
    return best


def _seconds(
    form: str,
    task: step.Task,
    member: ensemble.Member,
    clips: tuple[step.Clips, ...],
    batch_size: int,
    mesh: Mesh,
    cache: Cache,
) -> float:
    """Seconds of a step of two members, for each: measured, or read from the cache."""
    device = mesh.devices.flat[0]
    own = clips[task.view]
    shapes = [leaf.shape[1:] for leaf in jax.tree.leaves((own.features, own.others))]
    shape = (form, repr(task), batch_size, shapes, device.device_kind, jax.__version__)
    name = "layout-" + hashlib.sha256(repr(shape).encode()).hexdigest()[:16]
    kept = cache.read(name)
    if kept is not None:
        return kept
    seconds = _measured(form, task, member, clips, batch_size, mesh) / _STACKED
    cache.write(name, seconds)
    return seconds


def _measured(
    form: str, task: step.Task, member: ensemble.Member, clips: tuple[step.Clips, ...], batch_size: int, mesh: Mesh
) -> float:
    """The fastest of a few steps of two such members."""
    program = ensemble.Program(ensemble.grouped([task] * _STACKED, form), mesh)
    placed = sharding.everywhere(program, clips)
    members = sharding.by_member(program, ensemble.stack(program.groups, [member] * _STACKED))
    batch = np.resize(np.arange(len(clips[task.view].labels), dtype=np.int32), batch_size)
    indices = sharding.by_batch(program, ensemble.stack(program.groups, [batch] * _STACKED))
    active = sharding.by_member(program, ensemble.stack(program.groups, [np.array(True)] * _STACKED))
    state = jax.device_get(jax.jit(ensemble.init, static_argnames="task")(task, clips[task.view], member))
    states = sharding.by_member(program, ensemble.stack(program.groups, [state] * _STACKED))
    function = jax.jit(ensemble.train_step, static_argnames="program", donate_argnames="states")
    times = []
    for _ in range(1 + _STEPS):
        started = time.perf_counter()
        states, sums = function(program, placed, members, states, indices, active)
        jax.block_until_ready(sums)
        times.append(time.perf_counter() - started)
    return min(times[1:])
