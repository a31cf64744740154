"""Features centred by speaker: a person's own mean in place of the corpus's, as far as known clips support it.

A voice and a microphone shift the features of all clips of a person alike; most of that shift says nothing about
emotion. It is estimated from clips of the person, whose emotions need not be known, as cepstral mean subtraction does
for one clip (Atal 1974). Few clips may hold few emotions, so the estimate is shrunk towards the corpus.

Letters: P positions of a scaler, C channels.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from voxjax.audio.normalize import Scaler
from voxjax.config import Centred, FeatureConfig

# The corpus's mean counts as this many clips. Chosen on inner folds of RAVDESS `speaker5` (docs/enrolment.md).
PRIOR_CLIPS = 2.0


def is_by_speaker(config: FeatureConfig) -> bool:
    """Whether features are trained on with each speaker's own mean subtracted."""
    return isinstance(config, Centred) and config.centre == "speaker"


def has_effect(config: FeatureConfig) -> bool:
    """Whether a person's own mean changes what a network gets: not where a clip's own is subtracted, or none."""
    return not isinstance(config, Centred) or config.centre in ("corpus", "speaker")


def weight(clips: int) -> float:
    """The weight of a person's own mean, in [0, 1): 0 without clips, 0.5 with `PRIOR_CLIPS` of them."""
    return clips / (clips + PRIOR_CLIPS)


class WindowSums(NamedTuple):
    """Sums over the positions of windows of clips, by which the windows of one clip merge."""

    total: Float[np.ndarray, "windows P C"]  # float64
    positions: Float[np.ndarray, "windows P 1"]  # float64, valid ones
    squares: Float[np.ndarray, "windows P C"]  # float64, of the same values

    def clip_means(self, clip_index: Int[np.ndarray, " windows"]) -> Float[np.ndarray, "clips P C"]:
        """The mean of each clip: any clip weighs as much as another, however many windows it has.

        Args:
            clip_index: the clip of each window, from 0.
        """
        clips = int(clip_index.max(initial=-1)) + 1
        total, count = (np.zeros((clips, *part.shape[1:])) for part in (self.total, self.positions))
        np.add.at(total, clip_index, self.total)
        np.add.at(count, clip_index, self.positions)
        return total / np.maximum(count, 1.0)


def window_sums(
    features: Float[np.ndarray, "windows T C"], lengths: Int[np.ndarray, " windows"], over_time: int
) -> WindowSums:
    """The sums of windows.

    Args:
        features: padding may hold anything.
        lengths: valid positions of each window.
        over_time: 1 for sums over positions (P is 1), 0 for each position's own (P is T), as `normalize.fit`.
    """
    valid = (np.arange(features.shape[1])[None, :] < lengths[:, None])[..., None]
    values, count = np.where(valid, features, 0).astype(np.float64), valid.astype(np.float64)
    if not over_time:
        return WindowSums(values, count, np.square(values))
    squares = np.einsum("wtc,wtc->wc", values, values)[:, None]  # without a copy of all squares
    return WindowSums(values.sum(axis=1, keepdims=True), count.sum(axis=1, keepdims=True), squares)


def for_person(scaler: Scaler, means: Float[np.ndarray, "clips P C"]) -> Scaler:
    """The scaler of one person: its mean is moved towards the person's own; its deviation stays.

    Args:
        scaler: fitted to training clips.
        means: of the person's known clips, as `WindowSums.clip_means`; without clips the scaler is returned as it is.
    """
    if not len(means):
        return scaler
    mean = np.asarray(scaler.mean, np.float64)
    moved = mean + weight(len(means)) * (means.mean(axis=0) - mean)
    return scaler._replace(mean=moved.astype(np.float32))


def training_offsets(
    scaler: Scaler, means: Float[np.ndarray, "clips P C"], speakers: Int[np.ndarray, " clips"], count: int
) -> Float[np.ndarray, "{count} P C"]:
    """What is subtracted from the clips of each speaker before they are trained on: float32, 0 for absent speakers.

    Args:
        scaler: fitted to the training clips as they are.
        means: of the training clips, as `WindowSums.clip_means`.
        speakers: of each training clip, from 0.
        count: of all speakers.
    """
    offsets = np.zeros((count, *means.shape[1:]), np.float32)
    for speaker in np.unique(speakers):
        own = for_person(scaler, means[speakers == speaker])
        offsets[speaker] = own.mean - scaler.mean
    return offsets
