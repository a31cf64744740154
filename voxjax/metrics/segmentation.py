"""How well segments of a recording agree with its true ones: frame by frame, and at their boundaries.

Letters: F frames, K classes, S speakers.
"""

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

NONE = -1  # the class of a frame without one


class Stretch(NamedTuple):
    """A stretch of a recording with one class."""

    start_s: float
    end_s: float
    label: int  # `NONE` where the class is withheld


def frame_labels(stretches: Sequence[Stretch], frames: int, frame_s: float) -> Int[np.ndarray, " F"]:
    """The class at the middle of each frame, `NONE` outside of all stretches; of two that overlap the later one's."""
    labels = np.full(frames, NONE, np.int64)
    for one in stretches:
        first, last = (max(0, int(np.ceil(place / frame_s - 0.5))) for place in (one.start_s, one.end_s))
        labels[first:last] = one.label
    return labels


def confusion(truth: Int[np.ndarray, " F"], predicted: Int[np.ndarray, " F"], classes: int) -> Int[np.ndarray, "K K+1"]:
    """Frames by true class (rows; those without one are left out) and predicted class, `NONE` in the last column."""
    known = truth != NONE
    columns = np.where(predicted[known] == NONE, classes, predicted[known])
    counts = np.bincount(truth[known] * (classes + 1) + columns, minlength=classes * (classes + 1))
    return counts.reshape(classes, classes + 1)


def recall(counts: Float[np.ndarray, "... K K+1"] | Int[np.ndarray, "... K K+1"]) -> np.ndarray | np.floating:
    """UAR: the mean over classes that occur of the fraction of their frames that is right."""
    right = np.diagonal(counts, axis1=-2, axis2=-1)
    total = counts.sum(axis=-1)
    return (right / np.maximum(total, 1)).sum(axis=-1) / np.maximum((total > 0).sum(axis=-1), 1)


def recall_interval(counts: Int[np.ndarray, "S K K+1"], draws: int = 2_000, seed: int = 0) -> tuple[float, float]:
    """The 95 % interval of `recall` over all speakers' frames, by a bootstrap over speakers."""
    random = np.random.default_rng(seed)
    chosen = random.integers(len(counts), size=(draws, len(counts)))
    weights = np.stack([np.bincount(one, minlength=len(counts)) for one in chosen])  # [draws, S]
    low, high = np.quantile(recall(np.einsum("ds,skc->dkc", weights, counts)), (0.025, 0.975))
    return float(low), float(high)


def boundaries(stretches: Sequence[Stretch]) -> tuple[list[float], list[float]]:
    """Where stretches start and where they end, each in order."""
    return sorted(one.start_s for one in stretches), sorted(one.end_s for one in stretches)


def changes(stretches: Sequence[Stretch]) -> list[float]:
    """Where one class follows another: the middle of the pause between them."""
    ordered = sorted(stretches)
    return [(a.end_s + b.start_s) / 2 for a, b in itertools.pairwise(ordered) if a.label != b.label]


def hits(true: Sequence[float], found: Sequence[float], tolerance_s: float) -> int:
    """The greatest number of pairs of a true place and one that was found within the tolerance, each in one pair."""
    count, j = 0, 0
    places = sorted(found)
    for place in sorted(true):
        while j < len(places) and places[j] < place - tolerance_s:
            j += 1
        if j < len(places) and places[j] <= place + tolerance_s:
            count, j = count + 1, j + 1
    return count


def f1(hit: int, true: int, found: int) -> float:
    """The harmonic mean of precision and recall; 0 without any hit."""
    return 2 * hit / (true + found) if hit else 0.0
