"""95 % intervals of the figures of classes, speakers, genders and folds, as if clips were independent of each other."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from voxjax.metrics import classification, proportions


def of_classes(labels: Sequence[str], confusion: np.ndarray) -> dict[str, Any]:
    """`recall_ci` and `precision_ci` by label; None for a label without clips, or one that was never predicted.

    Args:
        labels: K names.
        confusion: integer `[K, K]`.
    """
    hits, true, predicted = np.diagonal(confusion), confusion.sum(1), confusion.sum(0)
    found: dict[str, Any] = {"recall_ci": {}, "precision_ci": {}}
    for i, label in enumerate(labels):
        for name, n in (("recall_ci", true[i]), ("precision_ci", predicted[i])):
            measured = n and true[i]
            found[name][label] = proportions.wilson(float(hits[i] / n), float(n)) if measured else None
    return found


def of_groups(truth: np.ndarray, predicted: np.ndarray, groups: Sequence[str], classes: int) -> dict[str, list[float]]:
    """The interval of the UAR within each group, by its name; an empty name is left out.

    Args:
        truth, predicted: integer `[n]`.
        groups: of each clip, such as its speaker.
        classes: K.
    """
    parts = classification.confusion_by_group(truth, predicted, groups, classes)
    return {name: proportions.uar_interval(counts) for name, counts in parts.items() if name}
