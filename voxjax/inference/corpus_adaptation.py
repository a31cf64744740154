"""Adaptation to recordings of many people: their clips, without labels, give the statistics of the features.

The arithmetic is `audio.corpus_statistics`; cross-validation under the protocol `adapted` uses the same.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import jax

from voxjax.audio import corpus_statistics, speaker_centring
from voxjax.audio.corpus_statistics import PooledSums
from voxjax.audio.normalize import Scaler
from voxjax.inference import batched_forward, enrolment
from voxjax.inference.batched_forward import LoadedFeatureSet, Window
from voxjax.inference.enrolment import Enrolment
from voxjax.inference.windowed_clip import WindowedClip


class Adapted(NamedTuple):
    """What clips make of a model."""

    feature_sets: tuple[LoadedFeatureSet, ...]  # with scalers of these clips
    enrolment: Enrolment


def adapted(
    feature_sets: Sequence[LoadedFeatureSet],
    chunks: Iterable[Sequence[WindowedClip]],
    emotions: Callable[[Sequence[WindowedClip]], list[str]],
) -> Adapted:
    """The feature sets with scalers of these clips. The same sound counts once.

    Args:
        feature_sets: of the model.
        chunks: the clips, with their hashes, of which one chunk at a time is held.
        emotions: what the model answers to clips before it is adapted.

    Raises:
        VoxJaxError: the first error of a clip.
    """
    sums: list[PooledSums | None] = [None for _ in feature_sets]
    known: set[str] = set()
    answered: list[str] = []
    for chunk in chunks:
        for error in (clip.error for clip in chunk if clip.error):
            raise error
        new = list({clip.sample_hash: clip for clip in chunk if clip.sample_hash not in known}.values())
        known |= {clip.sample_hash for clip in new}
        if not new:
            continue
        answered += emotions(new)
        for i, feature_set in enumerate(feature_sets):
            windows = [Window(samples, {}) for clip in new for samples in clip.windows[i]]
            own, before = corpus_statistics.pooled(batched_forward.sums(feature_set, windows), len(new)), sums[i]
            sums[i] = own if before is None else before.plus(own)
    moved = (_moved(feature_set, own) for feature_set, own in zip(feature_sets, sums, strict=True))
    return Adapted(tuple(moved), enrolment.of_corpus(frozenset(known), answered))


def _moved(feature_set: LoadedFeatureSet, sums: PooledSums | None) -> LoadedFeatureSet:
    if sums is None or not speaker_centring.has_effect(feature_set.features):
        return feature_set
    before = Scaler(*jax.device_get(feature_set.scaler))
    return enrolment.with_scaler(feature_set, corpus_statistics.for_corpus(before, sums))
