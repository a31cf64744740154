"""The best sequence of classes when each change has a cost (Viterbi 1967)."""

import numpy as np
from jaxtyping import Float, Int

CHANGE_COST = 4.0  # nats, for a change without a pause
MEMORY_S = 1.0  # of a pause, after which a change costs 1 / e of it


def smooth(
    log_probabilities: Float[np.ndarray, "N K"],
    weights: Float[np.ndarray, " N"],
    pauses_s: Float[np.ndarray, " N"],
    change_cost: float = CHANGE_COST,
    memory_s: float = MEMORY_S,
) -> Int[np.ndarray, " N"]:
    """The classes with the greatest sum of weighted log-probabilities less the cost of changes.

    Args:
        log_probabilities: of each window, finite.
        weights: of each window.
        pauses_s: before each window; longer ones make a change cheaper.
        change_cost: of a change without a pause, in nats.
        memory_s: after a pause of this length the cost is 1 / e of it.
    """
    scores = log_probabilities * weights[:, None]
    costs = change_cost * np.exp(-pauses_s / memory_s)
    count, classes = scores.shape
    before = np.zeros((count, classes), np.int64)  # the class of the window before, on the best way to each class
    best = scores[0].copy() if count else np.zeros(classes)
    for i in range(1, count):
        top = int(best.argmax())
        changes = best < best[top] - costs[i]
        before[i] = np.where(changes, top, np.arange(classes))
        best = np.where(changes, best[top] - costs[i], best) + scores[i]
    labels = np.zeros(count, np.int64)
    for i in range(count - 1, -1, -1):
        labels[i] = best.argmax() if i == count - 1 else before[i + 1, labels[i + 1]]
    return labels
