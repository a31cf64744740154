"""The reject option (Chow 1970): below which confidence a model had better not answer."""

from collections.abc import Sequence

import numpy as np

TARGETS = (0.7, 0.8, 0.9)  # shares of answers that shall be right
_FEWEST = 10  # validation answers: the share right among fewer is luck


def confidence_thresholds(
    probabilities: np.ndarray, truth: np.ndarray, targets: Sequence[float] = TARGETS
) -> np.ndarray:
    """The lowest confidences at which the answers to validation clips are right as often as asked for.

    Args:
        probabilities: `[n, K]`, calibrated, of validation clips.
        truth: integer `[n]`.
        targets: shares in (0, 1).

    Returns:
        A threshold in [0, 1] for each target, `[targets]`: clips of at least that confidence are answered. NaN where
        not even the ten most certain answers are right so often.
    """
    confidence = probabilities.max(-1)
    order = np.argsort(-confidence, kind="stable")
    least = confidence[order]
    share = np.cumsum(probabilities.argmax(-1)[order] == truth[order]) / np.arange(1, len(truth) + 1)
    whole = np.append(least[:-1] > least[1:], True)  # equal confidences are answered together
    chosen = []
    for target in targets:
        good = np.flatnonzero(whole & (share >= target) & (np.arange(1, len(truth) + 1) >= _FEWEST))
        everything = len(good) and good[-1] == len(truth) - 1
        chosen.append(np.nan if not len(good) else 0.0 if everything else least[good[-1]])
    return np.array(chosen)


def accuracy_and_coverage(
    probabilities: np.ndarray, truth: np.ndarray, least: np.ndarray
) -> dict[str, float | int | None]:
    """What a threshold does to test clips: share answered, share of those right, and how many these are.

    Args:
        probabilities: `[n, K]`, calibrated.
        truth: integer `[n]`.
        least: the threshold of each clip, `[n]`, or one for all, `[]`; NaN answers none.
    """
    answered = probabilities.max(-1) >= least
    right = (probabilities.argmax(-1) == truth)[answered]
    accuracy = float(right.mean()) if len(right) else None
    return {"coverage": float(answered.mean()), "accuracy": accuracy, "n": len(right)}
