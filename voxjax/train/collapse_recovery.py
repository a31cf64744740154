"""What is done about members that collapse: told, stopped, or rolled back and softened."""

import dataclasses
from collections.abc import Callable, Sequence

from voxjax.errors import VoxJaxError, mismatch
from voxjax.train import collapse_detection, ensemble, sharding
from voxjax.train.run_state import Progress, Setup, Standing, kept


def guard(setup: Setup, progress: Progress, going: Sequence[bool], tell: Callable[[str], None]) -> Progress:
    """Looks at each member's last epochs, and does about a collapse what the run's guard is told to."""
    reasons = [_reason(setup, member) if go else None for member, go in zip(progress.members, going, strict=True)]
    members, again = list(progress.members), []
    for i, (member, reason) in enumerate(zip(members, reasons, strict=True)):
        if reason is None:
            continue
        said = f"{setup.courses[i].name}, epoch {progress.epoch}: {reason}"
        if setup.guard.action == "recover" and len(member.recovered) < setup.guard.max_recoveries:
            again.append(i)
            said += " (rolled back; rate and gamma lowered)"
            hyper = collapse_detection.softened(setup.guard, member.hyper)
            members[i] = member._replace(hyper=hyper, recovered=(*member.recovered, progress.epoch), warning=said)
            tell(said)
        elif setup.guard.action != "warn" or _hopeless(member):
            do = "lower config.hyper.learning_rate, regularise less, or set config.guard.action=recover"
            raise VoxJaxError(mismatch("training", "finite steps and predictions of all classes", said, do))
        elif not member.warning:
            members[i] = member._replace(warning=said)
            tell(said)
    progress = progress._replace(members=tuple(members))
    return _rolled_back(setup, progress, again) if setup.guard.action == "recover" else progress


def _reason(setup: Setup, member: Standing) -> str | None:
    """Why the member is held to have collapsed since it was last rolled back."""
    since = max(member.recovered, default=0)
    return collapse_detection.reason(setup.guard, [row for row in member.history if row["epoch"] > since], setup.labels)


def _hopeless(member: Standing) -> bool:
    row = member.history[-1]
    return row["nonfinite_steps"] == row["steps"]


def _rolled_back(setup: Setup, progress: Progress, again: Sequence[int]) -> Progress:
    """Rolls members back to their last healthy states, and notes which states are healthy now."""
    now, healthy = kept(setup, progress.states, [True] * len(progress.members)), list(progress.healthy)
    strict = dataclasses.replace(setup.guard, after_epochs=0, patience_epochs=1)
    for i, state in enumerate(now):
        if i in again:  # the step goes on counting: schedule and draws are of the present
            now[i] = healthy[i]._replace(step=state.step)
        elif collapse_detection.reason(strict, progress.members[i].history[-1:], setup.labels) is None:
            healthy[i] = state
    progress = progress._replace(healthy=tuple(healthy))
    if not again:
        return progress
    return progress._replace(states=sharding.by_member(setup.program, ensemble.stack(setup.program.groups, now)))
