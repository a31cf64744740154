"""Enrolment: clips of one person, whose emotions need not be known, move that person's features to the corpus's centre.

The arithmetic is `audio.speaker_centring`; cross-validation under the protocol `enrolled` uses the same.
"""

import dataclasses
import logging
from collections.abc import Sequence

import jax
import numpy as np

from voxjax.audio import speaker_centring
from voxjax.audio.normalize import Scaler
from voxjax.errors import VoxJaxError, mismatch
from voxjax.inference import batched_forward
from voxjax.inference.batched_forward import LoadedFeatureSet, Window

_FEWEST_CLIPS = 3  # fewer say more about their sentences than about the person
_ONE_EMOTION = 0.7  # of the clips, from which on they look like one emotion


@dataclasses.dataclass(frozen=True)
class Enrolment:
    """The clips by which a predictor knows a person."""

    hashes: frozenset[str]  # of the clips' samples
    warnings: tuple[str, ...]  # sentences on what the clips can't support

    @property
    def clips(self) -> int:
        """The number of different clips."""
        return len(self.hashes)

    def about(self, sample_hash: str) -> list[str]:
        """Warnings about the answer to a clip with this hash."""
        known = "this clip is among those that enrolled the person: the answer says nothing about accuracy on new ones"
        return [*self.warnings, *([known] if sample_hash in self.hashes else [])]


def check_possible(model: str, feature_sets: Sequence[LoadedFeatureSet], modalities: Sequence[str]) -> None:
    """Checks that enrolment can change the answers of a model.

    Raises:
        VoxJaxError: at a model that fuses other modalities, or whose features do not depend on the corpus's mean.
    """
    if modalities:
        found = "one that fuses " + ", ".join(modalities)
        raise VoxJaxError(mismatch(f"{model}, enrolment", "a model of sound alone", found, "use another model"))
    if not any(speaker_centring.has_effect(feature_set.features) for feature_set in feature_sets):
        found = "features without the corpus's mean (features.centre is clip or none)"
        do = "use a model trained with features.centre=speaker or corpus"
        raise VoxJaxError(mismatch(f"{model}, enrolment", "features that a person's mean can centre", found, do))


def for_person(
    feature_sets: Sequence[LoadedFeatureSet], windows: Sequence[Sequence[Sequence[np.ndarray]]]
) -> tuple[LoadedFeatureSet, ...]:
    """The feature sets with scalers of one person.

    Args:
        feature_sets: of a model.
        windows: of each feature set, the windows of each clip of the person: float32 `[time]` each.
    """
    return tuple(_enrolled(one, clips) for one, clips in zip(feature_sets, windows, strict=True))


def warnings(emotions: Sequence[str]) -> tuple[str, ...]:
    """What enrolling clips can't support, as sentences, from the emotion of each: as labelled, or as predicted."""
    found = []
    if len(emotions) < _FEWEST_CLIPS:
        found.append(
            f"the person is enrolled with {len(emotions)} of at least {_FEWEST_CLIPS} clips: they change the answer "
            "little, and not always for the better"
        )
        return tuple(found)
    names, counts = np.unique(np.array(emotions), return_counts=True)
    if counts.max() >= _ONE_EMOTION * len(emotions):
        found.append(
            f"{counts.max()} of {len(emotions)} enrolling clips look like {names[counts.argmax()]}: their common "
            "emotion is taken for the person's voice; enrol with mixed emotions, or not at all"
        )
    return tuple(found)


def log(enrolment: Enrolment) -> None:
    """Logs the warnings of an enrolment."""
    for text in enrolment.warnings:
        logging.getLogger("voxjax").warning("enrolment: %s", text)


def _enrolled(feature_set: LoadedFeatureSet, clips: Sequence[Sequence[np.ndarray]]) -> LoadedFeatureSet:
    """A feature set with the scaler of a person; unchanged where a person's mean has no effect."""
    if not speaker_centring.has_effect(feature_set.features):
        return feature_set
    windows = [Window(samples, {}) for clip in clips for samples in clip]
    clip_index = np.repeat(np.arange(len(clips)), [len(clip) for clip in clips])
    means = batched_forward.sums(feature_set, windows).clip_means(clip_index)
    own = speaker_centring.for_person(Scaler(*jax.device_get(feature_set.scaler)), means)
    members = tuple(member._replace(scaler=jax.device_put(own)) for member in feature_set.members)
    return feature_set._replace(members=members)
