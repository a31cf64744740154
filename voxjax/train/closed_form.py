"""Members that are fitted in closed form: no steps, no optimiser, no epochs."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int

from voxjax.models import Variables
from voxjax.train import ensemble, step
from voxjax.train.run_state import EvalSplit, RunSetup


def fit(
    task: step.Task, clips: step.Clips, member: ensemble.MemberArrays, rows: Int[Array | np.ndarray, " rows"]
) -> Variables:
    """The weights of one member, fitted to its training rows and their augmented copies.

    Args:
        task: of a network with `closed_form`.
        clips: the member's feature set.
        member: its statistics and key.
        rows: int32 `[rows]`, training rows of `clips`.
    """
    data = ensemble.member_data(clips, member)
    found = step.training_clips(task, data, rows)
    inputs, mask = found.read(jnp.zeros(1, jnp.int32), 0)
    shapes = task.network.init(jax.random.fold_in(member.key, 0), inputs, mask, clips.pretrained)
    return task.network.fit(shapes, found)


_fit = jax.jit(fit, static_argnames="task")


def fit_members(setup: RunSetup) -> dict[int, Variables]:
    """Weights on the host of all members that are fitted in closed form, by member index."""
    fitted = {}
    for group in setup.program.groups:
        if group.task.network.closed_form:
            for i in group.member_ids:
                plan = setup.plans[i]
                variables = _fit(group.task, setup.clips[group.task.feature_set], plan.arrays, plan.rows)
                fitted[i] = jax.tree.map(np.array, jax.device_get(variables))
    return fitted


def training_split(setup: RunSetup, i: int) -> EvalSplit:
    """The training rows of member `i` as a split, so that its training loss and accuracy can be measured."""
    task = next(group.task for group in setup.program.groups if i in group.member_ids)
    rows = setup.plans[i].rows
    labels = np.asarray(jax.device_get(setup.clips[task.feature_set].labels))[rows]
    return EvalSplit(rows, np.arange(len(rows)), labels)
