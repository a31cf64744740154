"""Members that are fitted in closed form: no steps, no optimiser, no epochs."""

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from voxjax.models import Variables
from voxjax.train import ensemble, step
from voxjax.train.run_state import EvalSplit, RunSetup, RunState

_FIT = 1  # folded into a member's key for what its fit draws; 0 is for its first weights


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
    found = step.training_clips(task, data, rows, jax.random.fold_in(member.key, _FIT))
    inputs, mask = found.read(jnp.zeros(1, jnp.int32), 0)
    shapes = task.network.init(jax.random.fold_in(member.key, 0), inputs, mask, clips.pretrained)
    return task.network.fit(shapes, found)


_fit = jax.jit(fit, static_argnames="task")


@functools.partial(jax.jit, static_argnames="task")
def held_out_logits(
    task: step.Task,
    clips: step.Clips,
    member: ensemble.MemberArrays,
    rows: Int[Array | np.ndarray, " rows"],
    kept: Bool[Array | np.ndarray, " rows"],
    values: Mapping[str, Float[Array | np.ndarray, " values"]],
) -> Float[Array, "values rows K"]:
    """Logits of rows by fits to some of them, for several values of the model's options.

    Args:
        task: of a network with `closed_form`.
        clips: the member's feature set.
        member: statistics of the kept rows.
        rows: int32 `[rows]`, rows of `clips`.
        kept: which are fitted to.
        values: of options, by name.
    """
    module: Any = task.network.module
    key = jax.random.fold_in(member.key, _FIT)
    found = step.training_clips(task, ensemble.member_data(clips, member), rows, key)
    logits: Array = module.try_values(
        found, jnp.asarray(kept), {name: jnp.asarray(one) for name, one in values.items()}
    )
    return logits


def fit_members(setup: RunSetup) -> dict[int, Variables]:
    """Weights on the host of all members that are fitted in closed form, by member index."""
    return {i: _fit_member(setup, task, i, setup.plans[i].rows) for i, task in _tasks(setup).items()}


def _tasks(setup: RunSetup) -> dict[int, step.Task]:
    """The tasks of the members that are fitted in closed form, by member index."""
    groups = [group for group in setup.program.groups if group.task.network.closed_form]
    return {i: group.task for group in groups for i in group.member_ids}


def _fit_member(setup: RunSetup, task: step.Task, i: int, rows: Int[np.ndarray, " rows"]) -> Variables:
    """The weights of member `i` on the host, fitted to rows of its feature set."""
    variables = _fit(task, setup.clips[task.feature_set], setup.plans[i].arrays, rows)
    fitted: Variables = jax.tree.map(np.array, jax.device_get(variables))
    return fitted


def refitted(setup: RunSetup, run: RunState, tests: Sequence[EvalSplit]) -> RunState:
    """The run with its closed-form members fitted to their validation clips, too.

    These have chosen temperature, votes and thresholds by then, and nothing of the fit itself. Members are left as they
    are where the validation clips are tested, as in a protocol without test clips, and where features are centred by
    speaker, as validation speakers have no offsets.

    Args:
        setup: the run.
        run: with fitted members.
        tests: what each member will be tested on.
    """
    members = list(run.members)
    for i, task in _tasks(setup).items():
        plan = setup.plans[i]
        if plan.arrays.offsets is None and not np.intersect1d(plan.valid.rows, tests[i].rows).size:
            rows = np.union1d(plan.rows, plan.valid.rows).astype(np.int32)
            members[i] = members[i]._replace(best=_fit_member(setup, task, i, rows))
    return run._replace(members=tuple(members))


def training_split(setup: RunSetup, i: int) -> EvalSplit:
    """The training rows of member `i` as a split, so that its training loss and accuracy can be measured."""
    task = next(group.task for group in setup.program.groups if i in group.member_ids)
    rows = setup.plans[i].rows
    labels = np.asarray(jax.device_get(setup.clips[task.feature_set].labels))[rows]
    return EvalSplit(rows, np.arange(len(rows)), labels)
