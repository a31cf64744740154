"""Selective prediction (Chow 1970): confidence thresholds below which a model gives no answer."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int

TARGETS = (0.7, 0.8, 0.9)  # target accuracies of the accepted answers
_FEWEST = 10  # validation answers that an accuracy is computed from


def confidence_thresholds(
    probabilities: Float[np.ndarray, "clips K"], truth: Int[np.ndarray, " clips"], targets: Sequence[float] = TARGETS
) -> Float[np.ndarray, " targets"]:
    """The lowest confidence thresholds whose accepted validation clips reach each target accuracy.

    Args:
        probabilities: `[clips, K]`, calibrated, of validation clips.
        truth: integer `[clips]`.
        targets: accuracies in (0, 1).

    Returns:
        A threshold in [0, 1] for each target, `[targets]`: clips of at least that confidence are accepted. NaN where
        not even the ten most confident answers reach the target.
    """
    confidence = probabilities.max(-1)
    order = np.argsort(-confidence, kind="stable")
    least = confidence[order]
    accuracy = np.cumsum(probabilities.argmax(-1)[order] == truth[order]) / np.arange(1, len(truth) + 1)
    last_of_equal = np.append(least[:-1] > least[1:], True)  # clips of equal confidence are accepted together
    chosen = []
    for target in targets:
        good = np.flatnonzero(last_of_equal & (accuracy >= target) & (np.arange(1, len(truth) + 1) >= _FEWEST))
        everything = len(good) and good[-1] == len(truth) - 1
        chosen.append(np.nan if not len(good) else 0.0 if everything else least[good[-1]])
    return np.array(chosen)


def accuracy_and_coverage(
    probabilities: Float[np.ndarray, "clips K"],
    truth: Int[np.ndarray, " clips"],
    least: Float[np.ndarray, " clips"] | np.floating | float,
) -> dict[str, float | int | None]:
    """`coverage`, `accuracy` and number `n` of the test clips accepted at a threshold; accuracy is None without any.

    Args:
        probabilities: `[clips, K]`, calibrated.
        truth: integer `[clips]`.
        least: the threshold of each clip, `[clips]`, or one for all; NaN accepts none.
    """
    accepted = probabilities.max(-1) >= least
    correct = (probabilities.argmax(-1) == truth)[accepted]
    accuracy = float(correct.mean()) if len(correct) else None
    return {"coverage": float(accepted.mean()), "accuracy": accuracy, "n": len(correct)}
