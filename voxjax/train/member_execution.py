"""The choice of an execution mode for members of one architecture, by a rule, so that a command repeats its bits.

Modes agree up to rounding only. A choice by measurement would depend on what else the machine does.
"""

from collections.abc import Sequence

import jax
from jax.sharding import Mesh

from voxjax.train import ensemble, step


def choose(
    mode: str,
    tasks: Sequence[step.Task],
    members: Sequence[ensemble.MemberArrays],
    clips: tuple[step.Clips, ...],
    mesh: Mesh,
) -> str:
    """The execution mode `vmap`, `map` or `unroll`: for `auto`, `vmap` but for convolutions on a CPU.

    There a convolution over stacked kernels becomes a grouped one, which takes twice the time. Only members of equal
    tasks can be stacked; without any, the mode is `unroll`. A mesh with a member axis divides stacks, so that `auto` is
    `vmap` with it, as it is with many processes. Results of training are equal up to rounding.

    Args:
        mode: `vmap`, `map`, `unroll` or `auto`.
        tasks, members: of the run.
        clips: one per feature set.
        mesh: of the run.
    """
    if mode != "auto":
        return mode
    if mesh.shape["member"] > 1 or jax.process_count() > 1:
        return "vmap"
    repeated = [task for task in dict.fromkeys(tasks) if tasks.count(task) > 1 and not task.network.closed_form]
    if not repeated:
        return "unroll"
    on_cpu = mesh.devices.flat[0].platform == "cpu"
    return (
        "unroll" if on_cpu and any(_convolves(task, members[tasks.index(task)], clips) for task in repeated) else "vmap"
    )


def _convolves(task: step.Task, member: ensemble.MemberArrays, clips: tuple[step.Clips, ...]) -> bool:
    """Whether a network has a convolution; it is traced, not compiled."""
    traced = jax.make_jaxpr(lambda clips, member: ensemble.init(task, clips, member))(clips[task.feature_set], member)
    return "conv_general_dilated" in str(traced)
