"""A probe of shortcuts: how well a single measurement, such as the level, predicts the label."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from sklearn.model_selection import GroupKFold, StratifiedKFold, cross_val_predict
from sklearn.naive_bayes import GaussianNB

THRESHOLD = 0.15  # UAR above chance that is reported
_FOLDS = 5
_FEWEST = 40  # clips: with fewer, chance may pass the threshold


class Score(NamedTuple):
    """Unweighted average recall of the predicted labels, and that of guessing."""

    uar: float
    chance: float


def uar(values: Float[np.ndarray, " clips"], truth: Sequence[str], speakers: Sequence[str]) -> Score | None:
    """Cross-validated recall of a Gaussian per label, on held-out speakers where there are at least five.

    Args:
        values: one number per clip, `[clips]`.
        truth, speakers: of each clip.

    Returns:
        The score; None where there are too few clips, labels or clips of a label.
    """
    names, labels = np.unique(truth, return_inverse=True)
    counts = np.bincount(labels)
    if len(values) < _FEWEST or len(names) < 2 or counts.min() < _FOLDS:
        return None
    by_speaker = len(set(speakers)) >= _FOLDS
    folds = GroupKFold(_FOLDS) if by_speaker else StratifiedKFold(_FOLDS, shuffle=True, random_state=0)
    model = GaussianNB(priors=np.full(len(names), 1 / len(names)))
    if by_speaker and not _every_label_is_trained(labels, speakers, folds):
        folds = StratifiedKFold(_FOLDS, shuffle=True, random_state=0)
    groups = list(speakers) if isinstance(folds, GroupKFold) else None
    predicted = cross_val_predict(model, values[:, None], labels, groups=groups, cv=folds)
    recall = [float(np.mean(predicted[labels == k] == k)) for k in range(len(names))]
    return Score(float(np.mean(recall)), 1 / len(names))


def _every_label_is_trained(labels: np.ndarray, speakers: Sequence[str], folds: GroupKFold) -> bool:
    """Whether the training part of every fold has every label."""
    count = len(np.unique(labels))
    splits = folds.split(labels, labels, list(speakers))
    return all(len(np.unique(labels[train])) == count for train, _ in splits)
