"""All members in one compiled program: equal networks are stacked, the groups run one after the other.

A member is `step.train_step` on its own numbers. Around it this file puts an execution mode over the members of a
group (single, vmapped or mapped), a mesh of devices, and a flag that freezes members.
"""

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, PartitionSpec
from jaxtyping import Array, Bool, Float, Int, Key, PyTree

from voxjax.audio.normalize import Scaler
from voxjax.config import Hyper
from voxjax.models import Variables
from voxjax.train import step


class MemberArrays(NamedTuple):
    """The arrays of one member, on the host or on devices. In a group every leaf has a leading axis `[M]`."""

    hyper: Hyper
    scaler: Scaler
    class_weights: Float[Array | np.ndarray, "*M K"]
    total_steps: Float[Array | np.ndarray, "*M"] | np.floating
    key: Key[Array, "*M"]  # identifies the member: all its random draws derive from it
    modality_scalers: Mapping[str, Scaler] = {}  # of the modalities other than the audio, by name
    offsets: Float[Array | np.ndarray, "*M speakers P C"] | None = None  # of `features.centre=speaker`


@dataclasses.dataclass(frozen=True)
class Group:
    """Members of one task."""

    task: step.Task
    member_ids: tuple[int, ...]  # indices of the members in the run
    mode: str  # a name in `EXECUTION_MODES`


@dataclasses.dataclass(frozen=True)
class Program:
    """The static part of a program: the groups of members, and a mesh with axes `member` and `data`."""

    groups: tuple[Group, ...]
    mesh: Mesh


def _single(one: Callable[..., PyTree]) -> Callable[..., PyTree]:
    def only(*own: PyTree) -> PyTree:
        return jax.tree.map(lambda x: x[None], one(*jax.tree.map(lambda x: x[0], own)))

    return only


def _mapped(one: Callable[..., PyTree]) -> Callable[..., PyTree]:
    return lambda *own: jax.lax.map(lambda mine: one(*mine), own)


# From a function of one member to one of a stack of members.
EXECUTION_MODES: dict[str, Callable[[Callable[..., PyTree]], Callable[..., PyTree]]] = {
    "single": _single,
    "vmap": jax.vmap,
    "map": _mapped,
}


def group_members(tasks: Sequence[step.Task], mode: str) -> tuple[Group, ...]:
    """The groups of a run's members.

    Args:
        tasks: of each member. Equal ones are stacked, unless the program is unrolled.
        mode: `vmap` (stacked, computed together), `map` (stacked, computed in turn) or `unroll` (not stacked).
    """
    if mode == "unroll":
        return tuple(Group(task, (i,), "single") for i, task in enumerate(tasks))
    ids = [tuple(i for i, other in enumerate(tasks) if other == task) for task in dict.fromkeys(tasks)]
    return tuple(Group(tasks[own[0]], own, mode if len(own) > 1 else "single") for own in ids)


def execution_mode(program: Program) -> str:
    """The execution mode of the members as one string: `unroll`, or the modes of the groups joined by `+`."""
    modes = {group.mode for group in program.groups}
    return "unroll" if modes == {"single"} else "+".join(sorted(modes))


def stack(groups: Sequence[Group], trees: Sequence[PyTree]) -> tuple[PyTree, ...]:
    """One tree per group, leaves `[M, ...]`, from one tree per member; host arrays stay on the host."""

    def join(*leaves: step.Leaf) -> Array | np.ndarray:
        return jnp.stack(leaves) if isinstance(leaves[0], jax.Array) else np.stack(leaves)

    return tuple(jax.tree.map(join, *(trees[i] for i in group.member_ids)) for group in groups)


def unstack(groups: Sequence[Group], stacks: Sequence[PyTree]) -> list[PyTree]:
    """One tree per member, in the run's order, from one per group; None for members that are in no group."""
    trees: list[PyTree] = [None] * (1 + max((i for group in groups for i in group.member_ids), default=-1))
    for group, stacked in zip(groups, stacks, strict=True):
        for row, i in enumerate(group.member_ids):
            trees[i] = jax.tree.map(lambda x, row=row: x[row], stacked)
    return trees


def init(task: step.Task, clips: step.Clips, member: MemberArrays) -> step.State:
    """Fresh weights and moments of one member.

    Members are initialised one after the other: under `vmap` the factorisation behind orthogonal weights can deadlock
    where there are few threads (jaxlib 0.10.2, CPU, batched QR).
    """
    return step.init(task, member.hyper, member.key, member_data(clips, member))


def train_step(
    program: Program,
    clips: tuple[step.Clips, ...],
    members: tuple[MemberArrays, ...],
    states: tuple[step.State, ...],
    indices: tuple[Int[Array, "_ B"], ...],
    active: tuple[Bool[Array, " _"], ...],
) -> tuple[tuple[step.State, ...], tuple[step.Sums, ...]]:
    """One step of every member. All but the first two arguments hold one entry per group.

    Args:
        program: static.
        clips: one per feature set, which all members with that feature set share.
        members: their own arrays.
        states: before the step. Their buffers may be donated.
        indices: int32 `[M, B]`, each member's batch.
        active: bool `[M]`. A member that is not active keeps its state to the bit, and its sums are 0.

    Returns:
        The states after the step, and the sums, leaves `[M]`.
    """
    results = _for_each_group(program, _active_step, clips, members, states, indices, active)
    return tuple(state for state, _ in results), tuple(sums for _, sums in results)


def evaluate(
    program: Program,
    clips: tuple[step.Clips, ...],
    members: tuple[MemberArrays, ...],
    variables: tuple[Variables, ...],
    indices: tuple[Int[Array, "_ B"], ...],
) -> tuple[Float[Array, "_ B K"], ...]:
    """Logits of each member's own clips: int32 `[M, B]` to `[M, B, K]`, one entry per group."""

    def one(
        task: step.Task,
        clips: step.Clips,
        member: MemberArrays,
        variables: Variables,
        indices: Int[Array, " B"],
    ) -> Float[Array, "B K"]:
        return step.evaluate(task, variables, member_data(clips, member), indices)

    return tuple(_for_each_group(program, one, clips, members, variables, indices))


def member_data(clips: step.Clips, member: MemberArrays) -> step.Data:
    """The data of one member: the shared clips, and its own statistics."""
    scalers = member.modality_scalers
    return step.Data(clips, member.scaler, member.class_weights, member.total_steps, scalers, member.offsets)


def partition_spec(mesh: Mesh, group: Group) -> PartitionSpec:
    """The partition of a group's leaves: divided if the mesh's member axis divides the group, else replicated."""
    size = mesh.shape["member"]
    return PartitionSpec("member") if size > 1 and len(group.member_ids) % size == 0 else PartitionSpec()


def _active_step(
    task: step.Task,
    clips: step.Clips,
    member: MemberArrays,
    state: step.State,
    indices: Int[Array, " B"],
    active: Bool[Array, ""],
) -> tuple[step.State, step.Sums]:
    """One step of one member, or no step if it is not active."""
    return step.train_step(task, member.hyper, state, member_data(clips, member), indices, member.key, active)


def _for_each_group(
    program: Program, one: Callable[..., PyTree], clips: tuple[step.Clips, ...], *own: tuple[PyTree, ...]
) -> list[PyTree]:
    """`one(task, clips, *own arrays of a member)` for all members, group by group.

    Where the mesh's member axis divides a group, each device holds and computes its part of the members,
    and nothing is communicated over that axis. The batch may still be divided over the `data` axis.
    """
    results = []
    for group, *mine in zip(program.groups, *own, strict=True):
        spec = partition_spec(program.mesh, group)

        def many(clips: step.Clips, *mine: PyTree, group: Group = group) -> PyTree:
            return EXECUTION_MODES[group.mode](functools.partial(one, group.task, clips))(*mine)

        function = jax.shard_map(
            many,
            mesh=program.mesh,
            in_specs=(PartitionSpec(), *(spec for _ in mine)),
            out_specs=spec,
            axis_names={"member"},
            check_vma=False,
        )
        results.append(function(clips[group.task.feature_set], *mine))
    return results
