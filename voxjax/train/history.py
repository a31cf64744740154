"""A run's history as rows: one for each epoch and member, and their means."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from voxjax.train import run_state


def curves(progress: Sequence[run_state.Progress]) -> list[dict[str, Any]]:
    """Every member's rows, one behind the other, told apart by `member` where there are several."""
    members = [
        [{**row, "kept": float(row["epoch"] == member.best_epoch)} for row in member.history]
        for part in progress
        for member in part.members
    ]
    if len(members) == 1:
        return list(members[0])
    return [{**row, "member": i} for i, one in enumerate(members) for row in one]


def history(progress: Sequence[run_state.Progress]) -> list[dict[str, Any]]:
    """One row an epoch: the mean over the members that were still learning, and their own rows."""
    members = [member.history for part in progress for member in part.members]
    rows = []
    for epoch in range(max((len(one) for one in members), default=0)):
        here = [one[epoch] for one in members if epoch < len(one)]
        mean = {key: float(np.mean([row[key] for row in here])) for key in here[0]} | {"epoch": epoch + 1}
        rows.append(mean if len(members) == 1 else {**mean, "members": here})
    return rows
