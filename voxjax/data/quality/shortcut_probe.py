"""How well one number of a clip, as its level, tells its label: a shortcut that a network would take."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from sklearn.model_selection import GroupKFold, StratifiedKFold, cross_val_predict
from sklearn.naive_bayes import GaussianNB

ENOUGH = 0.15  # UAR above chance that is worth a word
_FOLDS = 5
_FEWEST = 40  # clips: with fewer, luck gives as much


class Told(NamedTuple):
    """Unweighted average recall of the labels told, and what guessing gives."""

    uar: float
    chance: float


def uar(values: np.ndarray, truth: Sequence[str], speakers: Sequence[str]) -> Told | None:
    """Cross-validated recall of a Gaussian for each label, by unheard speakers where there are five.

    Args:
        values: one number a clip, `[clips]`.
        truth, speakers: of each clip.

    Returns:
        The figure; None where there are too few clips, labels or clips of a label.
    """
    names, labels = np.unique(truth, return_inverse=True)
    counts = np.bincount(labels)
    if len(values) < _FEWEST or len(names) < 2 or counts.min() < _FOLDS:
        return None
    by_speaker = len(set(speakers)) >= _FOLDS
    folds = GroupKFold(_FOLDS) if by_speaker else StratifiedKFold(_FOLDS, shuffle=True, random_state=0)
    model = GaussianNB(priors=np.full(len(names), 1 / len(names)))
    if by_speaker and not _each_label_left(labels, speakers, folds):
        folds = StratifiedKFold(_FOLDS, shuffle=True, random_state=0)
    groups = list(speakers) if isinstance(folds, GroupKFold) else None
    told = cross_val_predict(model, values[:, None], labels, groups=groups, cv=folds)
    recall = [float(np.mean(told[labels == k] == k)) for k in range(len(names))]
    return Told(float(np.mean(recall)), 1 / len(names))


def _each_label_left(labels: np.ndarray, speakers: Sequence[str], folds: GroupKFold) -> bool:
    """Whether every training side of the folds has every label."""
    everyone = len(np.unique(labels))
    sides = folds.split(labels, labels, list(speakers))
    return all(len(np.unique(labels[train])) == everyone for train, _ in sides)
