"""95 % intervals of proportions of few clips (Wilson 1927): one clip gives a wide interval, also at 0 and 1."""

import math

import numpy as np
from jaxtyping import Int

from voxjax.metrics import classification

_Z = 1.959964  # 97.5 % of a normal distribution lie below


def wilson(fraction: float | int, n: float | int) -> list[float]:
    """The lower and the upper end for `fraction` of `n` independent clips.

    Args:
        fraction: in [0, 1].
        n: above 0; may be an effective number of clips, which need not be whole.
    """
    spread = _Z**2 / n
    centre = (fraction + spread / 2) / (1 + spread)
    half = math.sqrt(spread * fraction * (1 - fraction) + spread**2 / 4) / (1 + spread)
    return [max(0.0, min(fraction, centre - half)), min(1.0, max(fraction, centre + half))]


def uar_interval(confusion: Int[np.ndarray, "K K"]) -> list[float]:
    """The interval of the UAR of a small group of clips.

    The UAR is a mean of recalls. Its interval is that of a proportion of as many clips as give the mean the same
    variance: all of them where each class has equally many, fewer where one has few.

    Args:
        confusion: integer `[K, K]`, truth in rows, with at least one clip.
    """
    counts = confusion.sum(-1)
    counts = counts[counts > 0]
    return wilson(float(classification.uar(confusion)), len(counts) ** 2 / float(np.sum(1.0 / counts)))
