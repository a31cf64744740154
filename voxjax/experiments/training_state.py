"""A run's progress as a checkpoint: one tree of arrays a member, and a little JSON."""

from typing import Any

import jax
import numpy as np

from voxjax.artifacts.checkpoint import Checkpoints
from voxjax.config import Hyper
from voxjax.config_schema import thaw
from voxjax.train import ensemble, loop, run_state, sharding


def save(setup: run_state.Setup, checkpoints: Checkpoints, progress: run_state.Progress) -> None:
    """Writes the progress as the checkpoint of its epoch, in the background."""
    checkpoints.save(progress.epoch, _arrays(setup, progress), _counters(progress))


def begin_or_resume(setup: run_state.Setup, checkpoints: Checkpoints) -> run_state.Progress:
    """Fresh weights, or where the newest whole checkpoint stands.

    Raises:
        VoxJaxError: at a damaged checkpoint, or another run's.
    """
    progress = loop.begin(setup)
    if checkpoints.latest() is None:
        return progress
    arrays, extra = checkpoints.restore(_arrays(setup, progress))
    members = [
        one._replace(
            hyper=jax.tree.map(np.float32, Hyper(**counters.pop("hyper"))),
            best=best,
            history=tuple(counters.pop("history")),
            recovered=tuple(counters.pop("recovered")),
            **counters,
        )
        for one, best, counters in zip(progress.members, arrays["best"], extra["members"], strict=True)
    ]
    states = sharding.by_member(setup.program, ensemble.stack(setup.program.groups, arrays["states"]))
    return run_state.Progress(extra["epoch"], states, tuple(members), tuple(arrays["healthy"]))


def _arrays(setup: run_state.Setup, progress: run_state.Progress) -> dict[str, Any]:
    return {
        "states": run_state.kept(setup, progress.states, [True] * len(setup.courses)),
        "best": [member.best for member in progress.members],
        "healthy": list(progress.healthy),
    }


def _counters(progress: run_state.Progress) -> dict[str, Any]:
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
        for member in progress.members
    ]
    return {"epoch": progress.epoch, "members": members}
