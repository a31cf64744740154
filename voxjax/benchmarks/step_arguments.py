"""The arguments of a compiled training step, for all members of a run."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Array, Bool, Int

from voxjax.train import ensemble, loop, sharding, step
from voxjax.train.run_state import RunSetup


class StepArguments(NamedTuple):
    """Those of `loop.train_step`, but for the rows of a batch."""

    program: ensemble.Program
    clips: tuple[step.Clips, ...]
    members: tuple[ensemble.MemberArrays, ...]
    states: tuple[step.State, ...]
    active: tuple[Bool[Array, " _"], ...]

    def indices(self, rows: Sequence[Int[np.ndarray, " B"]]) -> tuple[Int[Array, "_ B"], ...]:
        """The rows of each member's batch, on the devices."""
        return sharding.shard_batch(self.program, ensemble.stack(self.program.groups, rows))


def of_run(setup: RunSetup) -> StepArguments:
    """Fresh weights of all members, which are trained in steps and are all active."""
    groups, plans = setup.program.groups, setup.plans
    members, active = (
        sharding.shard_members(setup.program, ensemble.stack(groups, each))
        for each in ([plan.arrays for plan in plans], [np.array(True)] * len(plans))
    )
    return StepArguments(setup.program, setup.clips, members, loop.begin(setup).states, active)
