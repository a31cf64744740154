"""95 % intervals of accuracy and UAR over few speakers or few clips, where a bootstrap is too narrow.

With 6 speakers, or 8 clips, a percentile bootstrap holds the true value in about 85 % of the cases, and where all
answers are equal it has no width at all. Here the interval is the exact binomial one (Clopper and Pearson 1934) for as
many independent clips as the test is worth (Korn and Graubard 1998): clips of one speaker are alike, so that fewer
count; few speakers say little about how speakers differ, for which Student's distribution stands; and UAR, which
weighs the clips of rare classes more, is worth fewer clips than accuracy.
"""

import numpy as np
from jaxtyping import Float, Num
from scipy import stats

FEWEST_UNITS = 20  # from these on, a bootstrap holds the true value in 93 % of the cases
FEWEST_OF_A_CLASS = 10  # test clips; with fewer, a bootstrap of the class's recall has too few values
_TAIL = 0.025


def applies(confusions: Num[np.ndarray, "units K K"]) -> bool:
    """Whether there are too few units, or clips of a class, for a bootstrap."""
    tested = confusions.sum((0, 2))
    return len(confusions) < FEWEST_UNITS or int(tested[tested > 0].min()) < FEWEST_OF_A_CLASS


def accuracy_interval(confusions: Num[np.ndarray, "units K K"]) -> list[float]:
    """Lower and upper end of the accuracy.

    Args:
        confusions: `[units, K, K]`, one matrix per unit. Units are independent: speakers, or clips.
    """
    hits = np.trace(confusions, axis1=1, axis2=2)[:, None]
    return _mean_recall_interval(hits.astype(np.float64), confusions.sum((1, 2))[:, None].astype(np.float64))


def uar_interval(confusions: Num[np.ndarray, "units K K"]) -> list[float]:
    """Lower and upper end of the UAR over the classes present in the truth; the argument is as for accuracy."""
    counts = confusions.sum(2).astype(np.float64)
    present = counts.sum(0) > 0
    hits = np.diagonal(confusions, axis1=1, axis2=2).astype(np.float64)
    return _mean_recall_interval(hits[:, present], counts[:, present])


def _mean_recall_interval(hits: Float[np.ndarray, "units K"], counts: Float[np.ndarray, "units K"]) -> list[float]:
    """Ends of the mean over columns of the recalls of all units together."""
    mean = float(np.mean(hits.sum(0) / counts.sum(0)))
    worth = _independent_clips(hits, counts)
    right, wrong = mean * worth, (1.0 - mean) * worth
    low = float(stats.beta.ppf(_TAIL, right, wrong + 1.0)) if right > 0.0 else 0.0
    high = float(stats.beta.ppf(1.0 - _TAIL, right + 1.0, wrong)) if wrong > 0.0 else 1.0
    return [low, high]


def _independent_clips(hits: Float[np.ndarray, "units K"], counts: Float[np.ndarray, "units K"]) -> float:
    """The number of independent clips of one class whose recall would be as uncertain as this mean of recalls."""
    units, total = len(counts), counts.sum(0)
    most = len(total) ** 2 / float(np.sum(1.0 / total))  # if all clips were independent, and all recalls equal
    if units == 1:
        return 1.0
    recalls = hits.sum(0) / total
    influence = np.sum((hits - recalls * counts) / total, axis=1) / len(total)  # of each unit on the mean
    sampled = units / (units - 1) if units < total.sum() else 1.0  # single clips need no such factor
    variance = sampled * float(np.sum(influence**2))
    mean = float(recalls.mean())
    found = mean * (1.0 - mean) / variance if variance > 0.0 else most
    quantiles = stats.t.ppf(1.0 - _TAIL, [max(most - 1.0, 1.0), units - 1])
    return min(most, found * float(quantiles[0] / quantiles[1]) ** 2)
