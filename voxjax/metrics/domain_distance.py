"""How far a clip lies from the training clips: a Gaussian density of clip summaries, with a limit of what is usual.

The density is probabilistic PCA (Tipping & Bishop 1999, J. R. Stat. Soc. B 61: 611): a full covariance along the
leading principal components and one variance for all others. The distance is Mahalanobis's, as in Lee et al. 2018
(NeurIPS, arXiv:1807.03888), which detects inputs unlike the training data.
Letters: n clips, D numbers of a summary, k components.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

COMPONENTS = 8  # at most; more noticed fewer clips of other corpora and more of good MP3s
FALSE_ALARMS = 0.05  # fraction of clips of new speakers, recorded as the training clips were, beyond the limit
_LEAST_LIMIT = 1e-6  # where all clips are the same
_NOISE = 1e-4  # largest difference of products of rows from those of orthonormal ones
_FEWEST_CLIPS = 40  # for a density and its limit
_GROUPS = 5  # of training speakers, each held out once
_CLIPS_PER_COMPONENT = 10


class Density(NamedTuple):
    """A density of clip summaries, all float32."""

    mean: Float[np.ndarray, " D"]
    scale: Float[np.ndarray, " D"]  # standard deviation of each number
    components: Float[np.ndarray, "k D"]  # orthonormal rows, of the standardised summaries
    variances: Float[np.ndarray, " k"]
    rest: Float[np.ndarray, ""]  # variance along every other direction
    limit: Float[np.ndarray, ""]  # distance that 5 % of clips of held-out training speakers exceed


def fit(summaries: Float[np.ndarray, "n D"], speakers: Sequence[str]) -> Density | None:
    """The density of training clips, its limit found on training speakers that a density was not fitted to.

    Args:
        summaries: of training clips alone.
        speakers: of these clips; where all are the same, clips are held out in place of speakers.

    Returns:
        The density, or None with fewer than 40 clips.
    """
    if len(summaries) < _FEWEST_CLIPS:
        return None
    held_out = _groups(speakers)
    distances = np.zeros(len(summaries))
    for group in np.unique(held_out):
        own = held_out == group
        distances[own] = _raw_distances(_density(summaries[~own], 1.0), summaries[own])
    return _density(summaries, max(float(np.quantile(distances, 1.0 - FALSE_ALARMS)), _LEAST_LIMIT))


def distances(density: Density, summaries: Float[np.ndarray, "n D"]) -> Float[np.ndarray, " n"]:
    """Distances of clips in units of the limit: above 1 a clip is unlike the training clips."""
    return _raw_distances(density, summaries) / density.limit


def _groups(speakers: Sequence[str]) -> np.ndarray:
    """The group of each clip, from 0: all clips of a speaker are in one."""
    names, index = np.unique(np.asarray(speakers), return_inverse=True)
    return (index if len(names) > 1 else np.arange(len(speakers))) % _GROUPS


def _density(summaries: np.ndarray, limit: float) -> Density:
    values = summaries.astype(np.float64)
    mean, scale = values.mean(0), values.std(0)
    scale = np.where(scale < 1e-6 * np.maximum(1.0, np.abs(mean)), 1.0, scale)
    standardised = (values - mean) / scale
    count = max(1, min(COMPONENTS, len(values) // _CLIPS_PER_COMPONENT, values.shape[1] - 1))
    components, variances = _principal(standardised, count)
    rest = max((np.square(standardised).mean(0).sum() - variances.sum()) / (values.shape[1] - count), 1e-6)
    kept = (components, np.maximum(variances, rest))
    return Density(*(np.asarray(part, np.float32) for part in (mean, scale, *kept, rest, limit)))


def _principal(standardised: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The leading principal components, `[k, D]`, and the variances along them, `[k]`."""
    clips, numbers = standardised.shape
    if numbers <= clips:
        values, vectors = np.linalg.eigh(standardised.T @ standardised / clips)
        return vectors[:, -count:].T, values[-count:]
    values, vectors = np.linalg.eigh(standardised @ standardised.T / clips)  # the smaller of both matrices
    return _orthonormal(_unit(vectors[:, -count:].T @ standardised)), values[-count:]


def _orthonormal(rows: np.ndarray) -> np.ndarray:
    """The rows; where clips are copies of fewer ones, those that are noise are replaced by directions of their own."""
    if np.abs(rows @ rows.T - np.eye(len(rows))).max() < _NOISE:
        return rows
    columns, _ = np.linalg.qr(rows[::-1].T)  # the principal ones first, which keep their direction
    return np.asarray(columns.T[::-1])


def _unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)


def _raw_distances(density: Density, summaries: np.ndarray) -> np.ndarray:
    """Root mean square of a summary's coordinates, each in standard deviations of the density."""
    standardised = (summaries - density.mean) / density.scale
    along = standardised @ density.components.T
    beyond = np.square(standardised).sum(-1) - np.square(along).sum(-1)
    total = (np.square(along) / density.variances).sum(-1) + np.maximum(beyond, 0.0) / density.rest
    return np.sqrt(total / summaries.shape[-1])
