"""Paired significance tests of two models on the same clips, over independent units (speakers or clips)."""

import numpy as np
from jaxtyping import Bool, Float, Int, Num
from scipy import stats

from voxjax.metrics.classification import Figure

_DRAWS = 20_000  # of the permutation test, where not all patterns are computed; p then varies by about 0.003
_BOOTSTRAPS = 2_000
_EXACT_UNITS = 14  # up to this number, all 2^n patterns are computed
_AT_ONCE = 1_000  # patterns computed together, which limits memory
_ROUNDING = 1e-9  # smaller differences count as equal


def interval(
    first: Num[np.ndarray, "units K K"], second: Num[np.ndarray, "units K K"], figure: Figure, seed: int = 0
) -> list[float]:
    """95 % paired bootstrap interval (Efron 1979) of `figure(first) - figure(second)`.

    Args:
        first, second: `[units, K, K]`, the confusion matrix of each unit under each model. Units are
            independent: speakers, or clips.
        figure: `[..., K, K] -> [...]`.
        seed: of the draws, which are the same for both models.

    Returns:
        The lower and the upper end.
    """
    units = len(first)
    times = np.random.default_rng(seed).multinomial(units, np.full(units, 1 / units), size=_BOOTSTRAPS)
    differences = figure(_total(times, first)) - figure(_total(times, second))
    return [float(end) for end in np.percentile(differences, [2.5, 97.5])]


def permutation(
    first: Num[np.ndarray, "units K K"], second: Num[np.ndarray, "units K K"], figure: Figure, seed: int = 0
) -> float:
    """Two-sided p value of no difference: each unit's two matrices may be swapped (Noreen 1989, Smucker et al. 2007).

    All 2^n patterns are computed for up to 14 units, 20,000 random ones for more.

    Args:
        first, second, figure, seed: as for `interval`.

    Returns:
        The fraction of patterns with a difference at least as large as the observed one, in (0, 1].
    """
    units = len(first)
    exact = units <= _EXACT_UNITS
    observed = abs(float(figure(first.sum(0)) - figure(second.sum(0)))) - _ROUNDING
    generator = np.random.default_rng(seed)
    total, larger = (0, 0) if exact else (1, 1)  # the observed pattern counts as one of the draws
    count = 2**units if exact else _DRAWS
    for start in range(0, count, _AT_ONCE):
        rows = min(_AT_ONCE, count - start)
        swapped = _patterns(np.arange(start, start + rows), units) if exact else generator.integers(0, 2, (rows, units))
        moved = _total(swapped, second - first)  # change of the first model's sum when those units are swapped
        difference = figure(first.sum(0) + moved) - figure(second.sum(0) - moved)
        larger += int(np.sum(np.abs(difference) >= observed))
        total += rows
    return larger / total


def mcnemar(first: Bool[np.ndarray, " clips"], second: Bool[np.ndarray, " clips"]) -> float:
    """Two-sided exact p value of McNemar's test (1947).

    Args:
        first, second: bool `[clips]`, whether each model was correct.
    """
    only_first, only_second = int(np.sum(first & ~second)), int(np.sum(second & ~first))
    discordant = only_first + only_second
    return float(stats.binomtest(only_first, discordant, 0.5).pvalue) if discordant else 1.0


def _patterns(numbers: Int[np.ndarray, " patterns"], units: int) -> Int[np.ndarray, "patterns {units}"]:
    """The binary digits of numbers: `[patterns] -> [patterns, units]`."""
    return (numbers[:, None] >> np.arange(units)[None, :]) & 1


def _total(
    times: Int[np.ndarray, "draws units"], counts: Num[np.ndarray, "units K K"]
) -> Float[np.ndarray, "draws K K"]:
    """Sums of units weighted by their counts: `[draws, units], [units, K, K] -> [draws, K, K]`."""
    flat = times.astype(np.float64) @ counts.reshape(len(counts), -1)
    return flat.reshape(len(times), *counts.shape[1:])
