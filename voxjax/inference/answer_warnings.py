"""Warnings about an answer: what a user must know before believing it."""

import logging

from voxjax.metrics.domain_distance import FALSE_ALARMS


def of(distance: float) -> list[str]:
    """Warnings about the answer to a clip.

    Args:
        distance: from the training clips, NaN where it is unknown.
    """
    if not distance > 1.0:
        return []
    return [
        f"unlike the recordings that the model was trained on (distance {distance:.1f}; of new speakers recorded as "
        f"these were, {1.0 - FALSE_ALARMS:.0%} stay below 1): the confidence can't be relied on"
    ]


def about_length(windows: int) -> list[str]:
    """Warnings about a recording that is longer than the longest window.

    Args:
        windows: whose answers were averaged.
    """
    if windows < 2:
        return []
    return [f"one answer for all of it, an average over {windows} windows: 'voxjax timeline FILE' shows it over time"]


def about_threshold(threshold: float, target_accuracy: float, classes: int) -> None:
    """Logs a warning where a rejection threshold can't reject anything.

    Args:
        threshold: of confidence; the most probable of K classes has at least 1 / K.
        target_accuracy: that it was chosen for.
        classes: K.
    """
    if threshold <= 1.0 / classes:
        logging.getLogger("voxjax").warning(
            "target accuracy %g: the threshold is %.2f and rejects nothing, as all validation clips together reached "
            "this accuracy; on other recordings it may be lower",
            target_accuracy,
            threshold,
        )
