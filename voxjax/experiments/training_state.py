"""A run's state as a checkpoint: one tree of arrays per member, and a little JSON."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np

from voxjax.artifacts.checkpoint import Checkpoints
from voxjax.config import Hyper
from voxjax.config_schema import thaw
from voxjax.train import ensemble, loop, sharding
from voxjax.train.run_state import RunSetup, RunState, fetch_members


class Snapshot(NamedTuple):
    """A run's state on the host, which the steps of the next epoch do not overwrite."""

    epoch: int
    arrays: dict[str, Any]
    counters: dict[str, Any]


def snapshot(setup: RunSetup, run: RunState) -> Snapshot:
    """The state now."""
    return Snapshot(run.epoch, _arrays(setup, run), _counters(run))


def save(checkpoints: Checkpoints, state: Snapshot) -> None:
    """Writes the state as the checkpoint of its epoch, in the background."""
    checkpoints.save(*state)


def begin_or_resume(setup: RunSetup, checkpoints: Checkpoints, report: Callable[[str], object]) -> RunState:
    """Fresh weights, or the state of the newest whole checkpoint.

    Args:
        setup: of the run.
        checkpoints: of the run.
        report: called with one line for each damaged checkpoint that is passed over.

    Raises:
        VoxJaxError: if there is none but damaged checkpoints, or those of another run.
    """
    run = loop.begin(setup)
    found = checkpoints.restore_newest(_arrays(setup, run), report)
    if found is None:
        return run
    arrays, extra = found
    members = [
        member._replace(
            hyper=jax.tree.map(np.float32, Hyper(**counters.pop("hyper"))),
            best=best,
            history=tuple(counters.pop("history")),
            recovered=tuple(counters.pop("recovered")),
            **counters,
        )
        for member, best, counters in zip(run.members, arrays["best"], extra["members"], strict=True)
    ]
    own = dict(zip(sorted(setup.sgd_members), arrays["states"], strict=True))
    states = [own[i] if i in own else None for i in range(len(members))]
    stacks = sharding.shard_members(setup.sgd, ensemble.stack(setup.sgd.groups, states))
    return RunState(extra["epoch"], stacks, tuple(members), tuple(arrays["healthy"]))


def _arrays(setup: RunSetup, run: RunState) -> dict[str, Any]:
    wanted = [i in setup.sgd_members for i in range(len(setup.plans))]
    states = fetch_members(setup.sgd, run.states, wanted)
    return {
        "states": [state for state in states if state is not None],
        "best": [member.best for member in run.members],
        "healthy": list(run.healthy),
    }


def _counters(run: RunState) -> dict[str, Any]:
    members = [
        {
            "hyper": jax.tree.map(float, thaw(member.hyper)),
            "best_uar": member.best_uar,
            "best_epoch": member.best_epoch,
            "history": list(member.history),
            "recovered": list(member.recovered),
            "warning": member.warning,
            "dropped": member.dropped,
        }
        for member in run.members
    ]
    return {"epoch": run.epoch, "members": members}
