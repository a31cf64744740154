"""A run's history as rows: one for each epoch and member, and their means."""

from collections.abc import Mapping, Sequence

import numpy as np

from voxjax.train.run_state import RunState

MeanRow = Mapping[str, float | list[dict[str, float]]]  # the rows of several members stand under `members`


def curves(runs: Sequence[RunState]) -> list[dict[str, float]]:
    """Rows of every member, one member after the other, with its number as `member` where there are several."""
    members = [
        [{**row, "kept": float(row["epoch"] == member.best_epoch)} for row in member.history]
        for run in runs
        for member in run.members
    ]
    if len(members) == 1:
        return list(members[0])
    return [{**row, "member": i} for i, rows in enumerate(members) for row in rows]


def mean_history(runs: Sequence[RunState]) -> list[MeanRow]:
    """One row per epoch: the mean over the members that were still training, and their own rows as `members`."""
    members = [member.history for run in runs for member in run.members]
    rows: list[MeanRow] = []
    for epoch in range(max((len(history) for history in members), default=0)):
        own = [history[epoch] for history in members if epoch < len(history)]
        mean = {key: float(np.mean([row[key] for row in own])) for key in own[0]} | {"epoch": epoch + 1}
        rows.append(mean if len(members) == 1 else {**mean, "members": own})
    return rows
