"""The vote of a model's members on clips: the mean over each clip's windows, of all feature sets together."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from voxjax.inference import batched_forward
from voxjax.inference.answers import Vote
from voxjax.inference.batched_forward import LoadedFeatureSet, Window, WindowOutputs
from voxjax.inference.windowed_clip import WindowedClip
from voxjax.metrics import soft_voting


class Voters(NamedTuple):
    """The members of a model, in the order of their feature sets."""

    weights: Float[np.ndarray, " M"]
    modalities: Sequence[set[str]]  # that each member takes, the audio among them


def votes(
    voters: Voters, feature_sets: Sequence[LoadedFeatureSet], clips: Sequence[WindowedClip], embeddings: bool
) -> list[Vote]:
    """The vote on each clip of the members that have any input.

    Args:
        voters: the members of all feature sets.
        feature_sets: with the members' arrays.
        clips: that were read.
        embeddings: whether each vote also has the model's vector of the clip.
    """
    if not clips:
        return []
    means = [_mean_outputs(feature_set, i, clips, embeddings) for i, feature_set in enumerate(feature_sets)]
    logits = np.concatenate([one.logits for one in means], axis=1).astype(np.float64).transpose(1, 0, 2)
    available = np.array([[bool(own & set(clip.modalities)) for clip in clips] for own in voters.modalities])
    found = soft_voting.soft_vote(logits, voters.weights, available)
    apart = soft_voting.disagreement(logits, voters.weights, available)
    vectors = np.concatenate([one.embeddings for one in means], axis=1)  # [clips, D], D = 0 if not asked for
    return [
        Vote(found[i], float(means[0].distances[i]), float(apart[i]), vectors[i] if embeddings else None)
        for i in range(len(clips))
    ]


def _mean_outputs(
    feature_set: LoadedFeatureSet, i: int, clips: Sequence[WindowedClip], embeddings: bool
) -> WindowOutputs:
    """Mean over each clip's windows in feature set `i`: logits `[clips, M, K]`, M those of the feature set."""
    windows = [Window(samples, clip.modality_inputs) for clip in clips for samples in clip.windows[i]]
    found = batched_forward.outputs(feature_set, windows, embeddings)
    counts = [len(clip.windows[i]) for clip in clips]
    parts = [slice(end - n, end) for n, end in zip(counts, np.cumsum(counts), strict=True)]
    return WindowOutputs(*(np.stack([values[part].mean(axis=0) for part in parts]) for values in found))
