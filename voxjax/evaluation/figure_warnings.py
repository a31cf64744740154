"""Warnings about figures: too few speakers or clips, and clips unlike the training clips."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from voxjax.evaluation.results import ReportInput
from voxjax.metrics import classification, domain_distance

_FEWEST_SPEAKERS = 5  # for an interval over speakers
_FEWEST_CLIPS = 3  # of a label


def few_samples(run: ReportInput, over: str) -> list[str]:
    """Warnings of intervals and recalls that rest on too few speakers or clips to mean anything."""
    found = []
    speakers = len(set(run.speakers))
    if over == "speakers" and speakers < _FEWEST_SPEAKERS:
        found.append(
            f"The intervals are over {speakers} speakers: with fewer than {_FEWEST_SPEAKERS} they are not meaningful."
        )
    counts = np.bincount(run.truth, minlength=len(run.labels))
    few = [f"{label} ({n})" for label, n in zip(run.labels, counts, strict=True) if 0 < n < _FEWEST_CLIPS]
    if few:
        found.append(
            f"Fewer than {_FEWEST_CLIPS} test clips of {', '.join(few)}: recall of these labels, UAR and its interval "
            "are not meaningful."
        )
    return found


def domain(run: ReportInput, after: np.ndarray) -> dict[str, Any]:
    """How many clips are unlike the training clips, and the figures of the remaining ones."""
    if run.distances is None:
        return {}
    inside = np.asarray(run.distances) <= 1.0
    parts: dict[str, Any] = {"outside": float(1.0 - inside.mean()), "usual": domain_distance.FALSE_ALARMS}
    for name, chosen in (("inside", inside), ("beyond", ~inside)):
        if chosen.any():
            counts = classification.confusion(run.truth[chosen], after[chosen].argmax(-1), len(run.labels))
            ece = classification.ece(after[chosen], run.truth[chosen])
            parts[name] = {**classification.scores(counts), "ece": ece, "n": int(chosen.sum())}
    return {"domain": parts}


def unlike_training(fields: Mapping[str, Any]) -> list[str]:
    """A warning where more clips are unlike the training clips than twice the usual fraction."""
    if not fields or fields["domain"]["outside"] <= 2.0 * fields["domain"]["usual"]:
        return []
    outside, usual = fields["domain"]["outside"], fields["domain"]["usual"]
    return [
        f"{outside:.0%} of the clips are unlike the recordings that the model was trained on ({usual:.0%} is usual): "
        "its confidence can't be relied on for them."
    ]
