"""From trained members to figures: the vote of each fold, calibrated on validation, and one pooled report."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import special

from voxjax.config import Config
from voxjax.metrics import calibration, selective, soft_voting
from voxjax.pipeline import run_spec
from voxjax.pipeline.folds import Fold
from voxjax.train import loop, run_state


class Verdict(NamedTuple):
    """What the members of one fold say of its test clips: the only use of them."""

    fold: Fold
    weights: np.ndarray  # [M], each member's share of the vote
    temperature: float
    members: np.ndarray  # [M, n, K], logits
    logits: np.ndarray  # [n, K], logarithms of the vote's probabilities, before the temperature
    thresholds: np.ndarray  # [targets], as `selective.confidence_thresholds` of the validation clips


def verdicts(
    config: Config, setup: run_state.Setup, progress: run_state.Progress, folds: Sequence[Fold]
) -> list[Verdict]:
    """Lets the members of each fold vote. Weights, temperature and thresholds come from validation clips."""
    seen_by = [spec.view for spec in run_spec.specs(config)]
    count = len(seen_by)
    valid = loop.best_logits(setup, progress, [fold.shares[view].valid for fold in folds for view in seen_by])
    test = loop.best_logits(setup, progress, [fold.shares[view].test for fold in folds for view in seen_by])
    found = []
    for i, fold in enumerate(folds):
        here = slice(i * count, (i + 1) * count)
        seen, unseen = (special.log_softmax(np.array(each[here], np.float64), axis=-1) for each in (valid, test))
        labels = fold.shares[0].valid.labels
        weights = soft_voting.WEIGHTINGS[config.vote](np.exp(seen), labels)
        voted = _voted(seen, weights)
        temperature = calibration.fit_temperature(voted, labels)
        thresholds = selective.confidence_thresholds(calibration.calibrated_probabilities(voted, temperature), labels)
        found.append(Verdict(fold, weights, temperature, unseen, _voted(unseen, weights), thresholds))
    return found


def _voted(log_p: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Logarithms of the vote's probabilities: `[M, n, K], [M] -> [n, K]`."""
    return np.log(np.maximum(soft_voting.weighted_mean(np.exp(log_p), weights), 1e-300))
