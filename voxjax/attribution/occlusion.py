"""Occlusion (Zeiler and Fergus 2014): how an answer changes when a patch is lowered to the noise floor."""

import numpy as np
from jaxtyping import Bool, Float, Float32

from voxjax.attribution import spectral_patches
from voxjax.attribution.spectral_patches import PatchedClip
from voxjax.inference.predictor import EmotionPredictor

_AT_ONCE = 64  # changed clips held in memory


def effects(
    predictor: EmotionPredictor, clip: PatchedClip, label: int, counted: Bool[np.ndarray, " patches"]
) -> Float[np.ndarray, " patches"]:
    """How much each patch raised the log-odds of a label, in nats, before the temperature.

    Args:
        predictor: the model.
        clip: the clip.
        label: index of the label.
        counted: patches that are tried; the effect of the other ones is 0.
    """
    removed = np.concatenate([np.zeros((1, len(counted)), bool), np.eye(len(counted), dtype=bool)[counted]])
    found = log_odds(log_probabilities(predictor, clip, removed), label)
    raised = np.zeros(len(counted))
    raised[counted] = found[0] - found[1:]
    return raised


def log_probabilities(
    predictor: EmotionPredictor, clip: PatchedClip, removed: Bool[np.ndarray, "N patches"]
) -> Float[np.ndarray, "N K"]:
    """What the predictor answers where sets of patches are lowered to the noise floor, before the temperature."""
    found = []
    for start in range(0, len(removed), _AT_ONCE):
        changed = spectral_patches.without(clip, removed[start : start + _AT_ONCE])
        votes = predictor.window_votes([_without_offset(one) for one in changed])
        found += [vote.log_probabilities for vote in votes]
    return np.stack(found)


def log_odds(log_probabilities: Float[np.ndarray, "N K"], label: int) -> Float[np.ndarray, " N"]:
    """Logarithm of a label's odds, `p / (1 - p)`, which does not saturate where an answer is certain."""
    return log_probabilities[:, label] - np.logaddexp.reduce(np.delete(log_probabilities, label, axis=1), axis=1)


def _without_offset(samples: Float32[np.ndarray, " time"]) -> Float32[np.ndarray, " time"]:
    """As every sound is read."""
    return samples - np.mean(samples, dtype=np.float64).astype(np.float32)
