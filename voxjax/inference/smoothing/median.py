"""A running median of log-probabilities."""

import numpy as np
from jaxtyping import Float, Int

NEIGHBOURS = 1  # windows before and after that count
LONGEST_PAUSE_S = 0.5  # over which neighbours count


def smooth(
    log_probabilities: Float[np.ndarray, "N K"],
    weights: Float[np.ndarray, " N"],
    pauses_s: Float[np.ndarray, " N"],
    neighbours: int = NEIGHBOURS,
    longest_pause_s: float = LONGEST_PAUSE_S,
) -> Int[np.ndarray, " N"]:
    """The class whose median log-probability over neighbouring windows is greatest.

    Args:
        log_probabilities: of each window.
        weights: not used.
        pauses_s: before each window.
        neighbours: windows before and after that count.
        longest_pause_s: neighbours beyond a longer pause don't count.
    """
    del weights
    part = np.cumsum(pauses_s > longest_pause_s)  # windows without a longer pause between them
    labels = np.zeros(len(part), np.int64)
    for i, own in enumerate(part):
        near = slice(max(0, i - neighbours), i + neighbours + 1)
        labels[i] = np.median(log_probabilities[near][part[near] == own], axis=0).argmax()
    return labels
