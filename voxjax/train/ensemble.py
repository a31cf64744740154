"""All members in one compiled program: equal networks stacked, the groups side by side.

A member is `step.train_step` on its own numbers. What is put around it here: a form over the members of
a group (alone, vmapped or one after the other), a mesh of devices, and a flag that freezes members.
"""

import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, PartitionSpec

from voxjax.audio.normalize import Scaler
from voxjax.config import Hyper
from voxjax.models import Variables
from voxjax.train import step

Array = Any  # jax.Array on a device, np.ndarray on the host
Tree = Any


class Member(NamedTuple):
    """What one member brings. In a group every leaf carries a leading axis `[M]`."""

    hyper: Hyper
    scaler: Scaler
    class_weights: Array  # [K]
    total_steps: Array  # float32 []
    key: Array  # names the member: all its draws derive from it
    other_scalers: Any = ()  # of the modalities beside the audio, by name


@dataclasses.dataclass(frozen=True)
class Group:
    """Members of one task."""

    task: step.Task
    places: tuple[int, ...]  # which members of the run these are
    form: str  # a name in `FORMS`


@dataclasses.dataclass(frozen=True)
class Program:
    """What is fixed when all members are compiled: the groups, and a mesh with axes `member` and `data`."""

    groups: tuple[Group, ...]
    mesh: Mesh


def _alone(one: Callable[..., Tree]) -> Callable[..., Tree]:
    def only(*own: Tree) -> Tree:
        return jax.tree.map(lambda x: x[None], one(*jax.tree.map(lambda x: x[0], own)))

    return only


def _one_by_one(one: Callable[..., Tree]) -> Callable[..., Tree]:
    return lambda *own: jax.lax.map(lambda mine: one(*mine), own)


# From a function of one member to one of a stack of them.
FORMS: dict[str, Callable[[Callable[..., Tree]], Callable[..., Tree]]] = {
    "alone": _alone,
    "vmap": jax.vmap,
    "map": _one_by_one,
}


def grouped(tasks: Sequence[step.Task], via: str) -> tuple[Group, ...]:
    """Groups of a run's members.

    Args:
        tasks: of each member. Equal ones are stacked, unless the program is unrolled.
        via: `vmap` (stacked, computed together), `map` (stacked, computed in turn) or `unroll` (each by itself).
    """
    if via == "unroll":
        return tuple(Group(task, (place,), "alone") for place, task in enumerate(tasks))
    places = [tuple(i for i, other in enumerate(tasks) if other == task) for task in dict.fromkeys(tasks)]
    return tuple(Group(tasks[at[0]], at, via if len(at) > 1 else "alone") for at in places)


def stack(groups: Sequence[Group], trees: Sequence[Tree]) -> tuple[Tree, ...]:
    """One tree a group, leaves `[M, ...]`, from one tree a member; host arrays stay on the host."""

    def join(*leaves: Any) -> Any:
        return jnp.stack(leaves) if isinstance(leaves[0], jax.Array) else np.stack(leaves)

    return tuple(jax.tree.map(join, *(trees[i] for i in group.places)) for group in groups)


def unstack(groups: Sequence[Group], stacks: Sequence[Tree]) -> list[Tree]:
    """One tree a member, in the run's order, from one a group."""
    trees: list[Tree] = [None] * sum(len(group.places) for group in groups)
    for group, stacked in zip(groups, stacks, strict=True):
        for row, place in enumerate(group.places):
            trees[place] = jax.tree.map(lambda x, row=row: x[row], stacked)
    return trees


def init(task: step.Task, clips: step.Clips, member: Member) -> step.State:
    """Fresh weights and moments of one member.

    One by one, as under `vmap` the factorisation behind orthogonal weights can wait for itself for ever
    where there are few threads (jaxlib 0.10.2, CPU, batched QR).
    """
    return step.init(task, member.hyper, member.key, _data(clips, member))


def fit(task: step.Task, clips: step.Clips, member: Member, state: step.State, rows: Array) -> step.State:
    """The state of one member whose network is fitted in closed form, to the clips that it learns from."""
    return step.fit(task, state, _data(clips, member), rows)


def train_step(
    program: Program,
    clips: tuple[step.Clips, ...],
    members: tuple[Member, ...],
    states: tuple[step.State, ...],
    indices: tuple[Array, ...],
    active: tuple[Array, ...],
) -> tuple[tuple[step.State, ...], tuple[step.Sums, ...]]:
    """One step of every member. All but the first two arguments hold one entry a group.

    Args:
        program: static.
        clips: a set for each view, which all members of that view share.
        members: their own numbers.
        states: before the step. Their buffers may be donated.
        indices: int32 `[M, B]`, each member's batch.
        active: bool `[M]`. A member that is not keeps its state to the bit, and its sums are 0.

    Returns:
        The states after the step, and the sums, leaves `[M]`.
    """
    results = _each(program, _step, clips, members, states, indices, active)
    return tuple(state for state, _ in results), tuple(sums for _, sums in results)


def evaluate(
    program: Program,
    clips: tuple[step.Clips, ...],
    members: tuple[Member, ...],
    variables: tuple[Variables, ...],
    indices: tuple[Array, ...],
) -> tuple[Array, ...]:
    """Logits of each member's own clips: int32 `[M, B]` to `[M, B, K]`, one entry a group."""

    def one(task: step.Task, clips: step.Clips, member: Member, variables: Variables, indices: Array) -> Array:
        return step.evaluate(task, variables, _data(clips, member), indices)

    return tuple(_each(program, one, clips, members, variables, indices))


def _step(
    task: step.Task, clips: step.Clips, member: Member, state: step.State, indices: Array, active: Array
) -> tuple[step.State, step.Sums]:
    """One step of one member, or none.

    A choice of results and no `lax.cond`: inside one, XLA computes convolutions on CPU ten times slower.
    """
    new, sums = step.train_step(task, member.hyper, state, _data(clips, member), indices, member.key)
    return step.select(active, new, state), step.select(active, sums, jax.tree.map(jnp.zeros_like, sums))


def _data(clips: step.Clips, member: Member) -> step.Data:
    return step.Data(clips, member.scaler, member.class_weights, member.total_steps, member.other_scalers)


def _each(
    program: Program, one: Callable[..., Tree], clips: tuple[step.Clips, ...], *own: tuple[Tree, ...]
) -> list[Tree]:
    """`one(task, clips, *own of a member)` for all members, group by group.

    Where the mesh's member axis divides a group, each device holds and computes its share of the members,
    and nothing crosses that axis. The batch may still be spread over the `data` axis.
    """
    results = []
    for group, *mine in zip(program.groups, *own, strict=True):
        spec = spread(program.mesh, group)

        def many(clips: step.Clips, *mine: Tree, group: Group = group) -> Tree:
            return FORMS[group.form](functools.partial(one, group.task, clips))(*mine)

        function = jax.shard_map(
            many,
            mesh=program.mesh,
            in_specs=(PartitionSpec(), *(spec for _ in mine)),
            out_specs=spec,
            axis_names={"member"},
            check_vma=False,
        )
        results.append(function(clips[group.task.view], *mine))
    return results


def spread(mesh: Mesh, group: Group) -> PartitionSpec:
    """How a group's leaves lie: divided if the mesh's member axis divides the group, else whole on each device."""
    size = mesh.shape["member"]
    return PartitionSpec("member") if size > 1 and len(group.places) % size == 0 else PartitionSpec()
