"""Predictions of trained members on the test clips of a fold: soft vote, calibrated on validation clips."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import special

from voxjax.metrics import calibration, selective, soft_voting
from voxjax.pipeline.folds import Fold
from voxjax.pipeline.run_spec import RunSpec
from voxjax.train import closed_form, loop
from voxjax.train.run_state import RunSetup, RunState


class FoldPredictions(NamedTuple):
    """Predictions of one fold's members on its test clips, which are used nowhere else."""

    fold: Fold
    weights: np.ndarray  # [M], of each member in the vote
    temperature: float
    members: np.ndarray  # [M, n, K], log-probabilities
    logits: np.ndarray  # [n, K], log-probabilities of the vote, before the temperature
    thresholds: np.ndarray  # [targets], confidence thresholds chosen on validation clips


def predict_folds(
    spec: RunSpec, setup: RunSetup, run: RunState, folds: Sequence[Fold]
) -> tuple[list[FoldPredictions], RunState]:
    """Predictions of each fold, and the run with the weights that made them.

    Vote weights, temperature and thresholds come from validation clips. Then closed-form members are fitted to these,
    too (`closed_form.refitted`).
    """
    sets = [member.feature_set for member in spec.members]
    tests = [fold.data[i].test for fold in folds for i in sets]
    valid = loop.best_logits(setup, run, [fold.data[i].valid for fold in folds for i in sets])
    run = closed_form.refitted(setup, run, tests)
    test = loop.best_logits(setup, run, tests)
    predictions = [
        _predicted(spec.config.vote, fold, valid[start : start + len(sets)], test[start : start + len(sets)])
        for fold, start in zip(folds, range(0, len(valid), len(sets)), strict=True)
    ]
    return predictions, run


def _predicted(
    weighting: str, fold: Fold, valid_logits: Sequence[np.ndarray], test_logits: Sequence[np.ndarray]
) -> FoldPredictions:
    """The predictions of one fold from its members' logits."""
    valid, test = (special.log_softmax(np.array(logits, np.float64), axis=-1) for logits in (valid_logits, test_logits))
    labels = fold.data[0].valid.labels
    weights = soft_voting.WEIGHTINGS[weighting](np.exp(valid), labels)
    voted = soft_voting.soft_vote(valid, weights)
    temperature = calibration.fit_temperature(voted, labels)
    thresholds = selective.confidence_thresholds(calibration.calibrated_probabilities(voted, temperature), labels)
    return FoldPredictions(fold, weights, temperature, test, soft_voting.soft_vote(test, weights), thresholds)
