"""Warnings before a run: too few test clips to measure, or too few validation clips to choose an epoch by."""

from collections.abc import Sequence

import numpy as np

from voxjax.evaluation.learning_curve_diagnostics import ENOUGH_CLIPS
from voxjax.pipeline.folds import Fold
from voxjax.pipeline.run_spec import RunSpec

_LIKELY = 0.7  # an accuracy, for which the interval is foretold
_WIDE = 0.1  # half of the interval


def warnings(spec: RunSpec, folds: Sequence[Fold]) -> list[str]:
    """What is too small, how uncertain figures will be, and what to do; empty for a run that is large enough."""
    tested = np.unique(np.concatenate([fold.split.test for fold in folds]))
    half = 1.96 * float(np.sqrt(_LIKELY * (1.0 - _LIKELY) / len(tested)))
    found = []
    if half > _WIDE and spec.config.protocol != "all":
        do = "add clips" if len(folds) > 1 else "test all clips by voxjax crossval or train --folds=all, or add clips"
        found.append(f"{len(tested)} test clips: accuracy will be known to ±{100 * half:.0f} points; {do}")
    valid = min(len(fold.split.valid) for fold in folds)
    if not spec.is_closed_form and spec.config.train.keep == "best" and valid < ENOUGH_CLIPS:
        error = 100 * float(np.sqrt(0.25 / valid))
        do = "take --config.train.keep=last, or a model that is fitted in closed form (--config=discriminant)"
        found.append(f"{valid} validation clips choose the epoch, by an accuracy known to ±{error:.0f} points; {do}")
    return found
