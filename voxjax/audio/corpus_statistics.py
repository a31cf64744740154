"""Features standardised by the corpus that is answered: its own mean and deviation in place of the training corpus's.

Another corpus has other microphones, rooms, languages and ways to act, which move and stretch its features as a whole.
Both are estimated from its clips, whose emotions need not be known: the first two moments are aligned, as in adaptive
batch normalisation (Li et al. 2017, arXiv:1603.04779). Few clips hold few speakers and emotions, so that the estimates
are shrunk towards the training corpus's.

Letters: P positions of a scaler, C channels.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from voxjax.audio.normalize import Scaler
from voxjax.audio.speaker_centring import WindowSums

# The training corpus's mean and variance count as this many clips. Chosen on RAVDESS to EmoDB (docs/enrolment.md).
PRIOR_CLIPS = 5.0
_CONSTANT = 1e-6  # relative deviation below which a channel is constant, as in `normalize.fit`


def weight(clips: int) -> float:
    """The weight of the clips' own mean and variance, in [0, 1): 0 without clips, 0.5 with `PRIOR_CLIPS` of them."""
    return clips / (clips + PRIOR_CLIPS)


class PooledSums(NamedTuple):
    """Sums over all positions of clips. Those of different clips are added."""

    clips: int
    total: Float[np.ndarray, "P C"]  # float64
    positions: Float[np.ndarray, "P 1"]
    squares: Float[np.ndarray, "P C"]

    def plus(self, other: "PooledSums") -> "PooledSums":
        """The sums over the clips of both."""
        arrays = (a + b for a, b in zip(self[1:], other[1:], strict=True))
        return PooledSums(self.clips + other.clips, *arrays)


def pooled(sums: WindowSums, clips: int) -> PooledSums:
    """The sums of windows.

    Args:
        sums: of all windows of some clips.
        clips: how many these are.
    """
    return PooledSums(clips, *(part.sum(axis=0) for part in sums))


def for_corpus(scaler: Scaler, sums: PooledSums | None) -> Scaler:
    """The scaler of a corpus: mean and variance are moved towards those of its clips.

    As in `normalize.fit`, all positions weigh alike. The variances are averaged, without what the distance of both
    means would add: where corpora lie far apart, a few clips would inflate the deviations else. So a deviation stays
    above sqrt(5 / (n + 5)) of the training corpus's for n clips, and a channel that is constant in the clips, such as
    an empty band of telephone speech, keeps the training corpus's.

    Args:
        scaler: fitted to training clips.
        sums: of the clips; without any the scaler is returned as it is.
    """
    if sums is None or not sums.clips:
        return scaler
    mean, std = (np.asarray(part, np.float64) for part in scaler)
    count = np.maximum(sums.positions, 1.0)
    own = sums.total / count
    variance = np.maximum(sums.squares / count - np.square(own), 0.0)
    constant = np.sqrt(variance) < _CONSTANT * np.maximum(1.0, np.abs(own))
    part = np.where(sums.positions > 0, weight(sums.clips), 0.0)  # of a vector, positions that no clip has stay
    moved = mean + part * (own - mean)
    spread = np.sqrt((1.0 - part) * np.square(std) + part * np.where(constant, np.square(std), variance))
    return Scaler(moved.astype(np.float32), spread.astype(np.float32))
