"""The action at a collapse: a warning, an error, or a rollback with lower learning rate and gamma."""

import dataclasses
from collections.abc import Callable, Sequence

from voxjax.errors import VoxJaxError, mismatch
from voxjax.train import collapse_detection, ensemble, sharding
from voxjax.train.run_state import MemberState, RunSetup, RunState, fetch_members


def check(setup: RunSetup, run: RunState, training: Sequence[bool], report: Callable[[str], None]) -> RunState:
    """The run after the collapse guard has checked the last epochs of each member.

    Args:
        setup: the run.
        run: after an epoch.
        training: which members were trained in it.
        report: called with one line for each collapse.

    Raises:
        VoxJaxError: at a collapse if the guard's action is to stop, and after the last recovery.
    """
    reasons = [
        _reason(setup, i, member) if on else None
        for i, (member, on) in enumerate(zip(run.members, training, strict=True))
    ]
    members, again = list(run.members), []
    for i, (member, reason) in enumerate(zip(members, reasons, strict=True)):
        if reason is None:
            continue
        text = f"{setup.plans[i].name}, epoch {run.epoch}: {reason}"
        if setup.guard.action == "recover" and len(member.recovered) < setup.guard.max_recoveries:
            again.append(i)
            text += " (rolled back; rate and gamma lowered)"
            hyper = collapse_detection.softened(setup.guard, member.hyper)
            members[i] = member._replace(hyper=hyper, recovered=(*member.recovered, run.epoch), warning=text)
            report(text)
        elif setup.guard.action != "warn" or _never_finite(member):
            do = "lower config.hyper.learning_rate, regularise less, or set config.guard.action=recover"
            raise VoxJaxError(mismatch("training", "finite steps and predictions of all classes", text, do))
        elif not member.warning:
            members[i] = member._replace(warning=text)
            report(text)
    run = run._replace(members=tuple(members))
    return _rolled_back(setup, run, again) if setup.guard.action == "recover" else run


def _reason(setup: RunSetup, i: int, member: MemberState) -> str | None:
    """Why member `i` counts as collapsed since it was last rolled back."""
    since = max(member.recovered, default=0)
    rows = [row for row in member.history if row["epoch"] > since]
    return collapse_detection.collapse_reason(setup.guard, rows, setup.labels, len(setup.plans[i].valid.labels))


def _is_healthy(setup: RunSetup, i: int, member: MemberState) -> bool:
    """Whether the last epoch of member `i` shows no sign of collapse; with few clips, by what they show."""
    strict = dataclasses.replace(setup.guard, after_epochs=0, patience_epochs=1)
    clips = len(setup.plans[i].valid.labels)
    return collapse_detection.collapse_reason(strict, member.history[-1:], setup.labels, clips) is None


def _never_finite(member: MemberState) -> bool:
    row = member.history[-1]
    return row["nonfinite_steps"] == row["steps"]


def _rolled_back(setup: RunSetup, run: RunState, again: Sequence[int]) -> RunState:
    """The run with members rolled back to their last healthy states, and the healthy states of now."""
    trained = [i in setup.sgd_members for i in range(len(run.members))]
    now, healthy = fetch_members(setup.sgd, run.states, trained), list(run.healthy)
    for i in setup.sgd_members:
        if i in again:  # the step is not rolled back: schedule and random draws continue
            now[i] = healthy[i]._replace(step=now[i].step)
        elif _is_healthy(setup, i, run.members[i]):
            healthy[i] = now[i]
    run = run._replace(healthy=tuple(healthy))
    if not again:
        return run
    return run._replace(states=sharding.shard_members(setup.sgd, ensemble.stack(setup.sgd.groups, now)))
