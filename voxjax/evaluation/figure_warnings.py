"""Warnings about figures: too few speakers or clips, and clips unlike the training clips."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from voxjax.data.manifest import UNKNOWN_SPEAKER
from voxjax.evaluation.results import ReportInput
from voxjax.metrics import classification, domain_distance

FEWEST_SPEAKERS = 5  # for an interval over speakers
_FEWEST_CLIPS = 3  # of a label
_WIDE = 0.2  # of an interval: two models whose UAR differs by 10 points can't be distinguished
_ONE_SPLIT = (
    "random5",
    "speaker5",
    "speaker6",
    "loso",
    "loso:clips",
    "speaker_statement",
)  # test a part of the clips in a fold


def few_samples(run: ReportInput, over: str, summary: Mapping[str, Any]) -> list[str]:
    """Warnings of figures that rest on few speakers or clips.

    Args:
        run: what is reported.
        over: "speakers" or "clips", over which the intervals are.
        summary: with `uar_ci`.
    """
    found = []
    speakers, (low, high) = len(set(run.speakers)), summary["uar_ci"]
    if high - low > _WIDE:
        found.append(
            f"{len(run.truth)} test clips{_of_speakers(run)} are few: the true UAR lies somewhere between {low:.0%} "
            f"and {high:.0%}. {_remedy(run, over)}"
        )
    if over == "speakers" and speakers < FEWEST_SPEAKERS:
        found.append(f"The intervals are over {speakers} speakers: other people may differ more than these do.")
    counts = np.bincount(run.truth, minlength=len(run.labels))
    few = [f"{label} ({n})" for label, n in zip(run.labels, counts, strict=True) if 0 < n < _FEWEST_CLIPS]
    if few:
        found.append(f"Fewer than {_FEWEST_CLIPS} test clips of {', '.join(few)}: recall of these labels means little.")
    return found


def _of_speakers(run: ReportInput) -> str:
    """How many speakers the clips are of, where they are known."""
    names = set(run.speakers)
    return "" if UNKNOWN_SPEAKER in names else f" of {len(names)} speaker{'s' * (len(names) != 1)}"


def _remedy(run: ReportInput, over: str) -> str:
    """What makes a wide interval narrower."""
    more = "More speakers narrow it." if over == "speakers" else "More clips narrow it."
    if run.meta["protocol"] in _ONE_SPLIT and len(set(run.folds)) == 1:
        return f"voxjax crossval, or train --folds=all, tests every clip once. {more}"
    return more


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
