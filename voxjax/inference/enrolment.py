"""Enrolment: clips of one person, whose emotions need not be known, move that person's features to the corpus's centre.

The arithmetic is `audio.speaker_centring` and, for labelled clips, `models.lda`; cross-validation under the protocol
`enrolled` uses the same.
"""

import dataclasses
import logging
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Float, Int

from voxjax.audio import speaker_centring
from voxjax.audio.normalize import Scaler
from voxjax.errors import VoxJaxError, mismatch
from voxjax.inference import batched_forward
from voxjax.inference.batched_forward import LoadedFeatureSet, LoadedMember, Window
from voxjax.models import lda

_FEWEST_CLIPS = 3  # fewer hold too few sentences and emotions
_FEWEST_OF_CORPUS = 10  # fewer hold too few people, too
_ONE_EMOTION = 0.7  # of the clips, from which on they look like one emotion

ClipWindows = Sequence[Float[np.ndarray, " _"]]  # float32, of one clip


@dataclasses.dataclass(frozen=True)
class Enrolment:
    """The clips by which a predictor knows a person, or a corpus."""

    hashes: frozenset[str]  # of the clips' samples
    warnings: tuple[str, ...]  # sentences on what the clips can't support
    labelled: bool = False  # whether their emotions were given
    of_corpus: bool = False  # whether they are of many people: then the answer to one of them depends little on it

    def about(self, sample_hash: str) -> list[str]:
        """Warnings about the answer to a clip with this hash."""
        known = "this clip is among those that enrolled the person: its answer shows nothing about new clips"
        return [*self.warnings, *([known] if not self.of_corpus and sample_hash in self.hashes else [])]


class KnownClips(NamedTuple):
    """Different clips of a person, in the order given."""

    clips: list[Any]  # as the predictor reads them
    hashes: frozenset[str]
    labels: list[str]  # empty where they are not known
    classes: Int[np.ndarray, " clips"] | None  # the same as indices; None where they are not known


def distinct(clips: Sequence[Any], labels: Sequence[str] | None, known: Sequence[str]) -> KnownClips:
    """The clips without those of the same sound.

    Args:
        clips: as the predictor reads them, with `error` and `sample_hash`.
        labels: of each, or None.
        known: the labels of the model.

    Raises:
        VoxJaxError: the first error of a clip; at another number of labels, or one that the model does not have.
    """
    for error in (clip.error for clip in clips if clip.error):
        raise error
    places = list({clip.sample_hash: i for i, clip in reversed(list(enumerate(clips)))}.values())[::-1]
    chosen, hashes = [clips[i] for i in places], frozenset(clip.sample_hash for clip in clips)
    if labels is None:
        return KnownClips(chosen, hashes, [], None)
    unknown = sorted({*labels} - {*known})
    if len(labels) != len(clips) or unknown:
        found = ", ".join(unknown) if unknown else f"{len(labels)} for {len(clips)} clips"
        do = "rename the labels, or leave all of them out"
        raise VoxJaxError(mismatch("labels of enrolling clips", "one of " + ", ".join(known) + " each", found, do))
    own = [labels[i] for i in places]
    return KnownClips(chosen, hashes, own, np.array([list(known).index(label) for label in own], np.int64))


def check_possible(
    model: str, feature_sets: Sequence[LoadedFeatureSet], modalities: Sequence[str], by: str = "a person's mean"
) -> None:
    """Checks that enrolment, `by` which the features are centred, can change the answers of a model.

    Raises:
        VoxJaxError: at a model that fuses other modalities, or whose features do not depend on the corpus's mean.
    """
    if modalities:
        found = "one that fuses " + ", ".join(modalities)
        raise VoxJaxError(mismatch(f"{model}, enrolment", "a model of sound alone", found, "use another model"))
    if not any(speaker_centring.has_effect(one.features) for one in feature_sets):
        found = "features without the corpus's mean (features.centre is clip or none)"
        do = "use a model trained with features.centre=speaker or corpus"
        raise VoxJaxError(mismatch(f"{model}, enrolment", f"features that {by} can centre", found, do))


def for_person(
    model: str,
    feature_sets: Sequence[LoadedFeatureSet],
    windows: Sequence[Sequence[ClipWindows]],
    classes: Int[np.ndarray, " clips"] | None,
) -> tuple[LoadedFeatureSet, ...]:
    """The feature sets with scalers of one person and, where the clips are labelled, class means of the person.

    Args:
        model: the folder, for errors.
        feature_sets: of the model.
        windows: of each feature set, the windows of each clip.
        classes: of the clips; None without labels.

    Raises:
        VoxJaxError: at labels for members that are no discriminants, or of before they kept what labels need.
    """
    if not len(windows[0]):
        return tuple(feature_sets)
    return tuple(_enrolled(model, *pair, classes) for pair in zip(feature_sets, windows, strict=True))


def of_person(known: KnownClips, emotions: Sequence[str]) -> Enrolment:
    """The enrolment by clips of a person, whose warnings are logged; `emotions` are as labelled, else as predicted."""
    if len(emotions) < _FEWEST_CLIPS:
        warnings = [
            f"the person is enrolled with {len(emotions)} clips, of at least {_FEWEST_CLIPS}: they change the answer "
            "little, and not always for the better"
        ]
    else:
        warnings = _of_one_emotion(emotions, "enrolling clips look", "the person's voice")
    return _logged(Enrolment(known.hashes, tuple(warnings) if known.hashes else (), labelled=bool(known.labels)))


def of_corpus(hashes: frozenset[str], emotions: Sequence[str]) -> Enrolment:
    """The enrolment by clips of many people, whose warnings are logged; `emotions` are as predicted before."""
    warnings = []
    if len(emotions) < _FEWEST_OF_CORPUS:
        warnings = [
            f"the model is adapted to {len(emotions)} clips, of at least {_FEWEST_OF_CORPUS}: they change the answer "
            "little, and not always for the better"
        ]
    if len(emotions) >= _FEWEST_CLIPS:
        warnings += _of_one_emotion(emotions, "clips that the model is adapted to look", "what all recordings share")
    return _logged(Enrolment(hashes, tuple(warnings) if hashes else (), of_corpus=True))


def with_scaler(feature_set: LoadedFeatureSet, scaler: Scaler) -> LoadedFeatureSet:
    """The feature set with another scaler, by which the distance from the training clips is measured, too."""
    own = jax.device_put(scaler)
    members = tuple(member._replace(scaler=own) for member in feature_set.members)
    return feature_set._replace(scaler=own, members=members)


def _logged(made: Enrolment) -> Enrolment:
    for text in made.warnings:
        logging.getLogger("voxjax").warning("enrolment: %s", text)
    return made


def _of_one_emotion(emotions: Sequence[str], clips: str, taken_for: str) -> list[str]:
    """A sentence where most of the clips look like one emotion."""
    names, counts = np.unique(np.array(emotions), return_counts=True)
    if counts.max() < _ONE_EMOTION * len(emotions):
        return []
    return [
        f"{counts.max()} of {len(emotions)} {clips} like {names[counts.argmax()]}: their common emotion is taken for "
        f"{taken_for}; enrol with mixed emotions, or not at all"
    ]


def _enrolled(
    model: str,
    feature_set: LoadedFeatureSet,
    clips: Sequence[ClipWindows],
    classes: Int[np.ndarray, " clips"] | None,
) -> LoadedFeatureSet:
    windows = [Window(samples, {}) for clip in clips for samples in clip]
    clip_index = np.repeat(np.arange(len(clips)), [len(clip) for clip in clips])
    moved = feature_set
    if speaker_centring.has_effect(feature_set.features):
        means = batched_forward.sums(feature_set, windows).clip_means(clip_index)
        moved = with_scaler(
            feature_set, speaker_centring.for_person(Scaler(*jax.device_get(feature_set.scaler)), means)
        )
    if classes is None:
        return moved
    found = batched_forward.outputs(moved, windows).logits.astype(np.float64)  # [windows, M, K]
    logits = np.stack([found[clip_index == i].mean(axis=0) for i in range(len(clips))])
    labelled = (_with_labels(model, one, logits[:, m], classes) for m, one in enumerate(moved.members))
    return moved._replace(members=tuple(labelled))


def _with_labels(
    model: str, member: LoadedMember, logits: Float[np.ndarray, "clips K"], classes: Int[np.ndarray, " clips"]
) -> LoadedMember:
    params = jax.device_get(member.variables.params)
    if "gram" not in params:
        found = "another architecture, or a discriminant of before enrolment"
        do = "leave the labels out, or train one with --config=whisper_discriminant"
        raise VoxJaxError(mismatch(f"{model}, labelled clips", "a linear discriminant", found, do))
    changed = jax.device_put(params | lda.for_labelled_clips(params, logits, classes))
    return member._replace(variables=member.variables._replace(params=changed))
