"""The answer to one clip: what `EmotionPredictor.predict` returns, from the vote of the members."""

import math
import os
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from voxjax.errors import VoxJaxError, mismatch
from voxjax.inference import answer_warnings
from voxjax.metrics import soft_voting
from voxjax.modalities.names import AUDIO

Result = dict[str, Any]  # as `EmotionPredictor.predict` describes it


class Vote(NamedTuple):
    """The vote of all members on one clip, before the temperature.

    Attributes:
        log_probabilities: of each label.
        distance: from the training clips; NaN where it is unknown.
        disagreement: of the members, in [0, 1]; NaN with fewer than two of them.
        embedding: the model's vector of the clip; None where it was not asked for.
    """

    log_probabilities: Float[np.ndarray, " K"]
    distance: float
    disagreement: float = math.nan
    embedding: Float[np.ndarray, " D"] | None = None


class ClipFacts(NamedTuple):
    """What an answer says of its clip besides the vote."""

    duration_s: float
    modalities: Sequence[str]  # those used, with the audio
    warnings: Sequence[str]  # about its sound


class AnswerSettings(NamedTuple):
    """What is common to all answers of a predictor."""

    model: str
    labels: Sequence[str]
    temperature: float
    reject_below: float
    names_modalities: bool  # whether answers say which modalities were used


def answer(settings: AnswerSettings, vote: Vote, clip: ClipFacts) -> Result:
    """The answer to one clip, as `EmotionPredictor.predict` describes it."""
    probabilities = soft_voting.softmax(vote.log_probabilities / settings.temperature)
    best = int(probabilities.argmax())
    rejected = bool(probabilities[best] < settings.reject_below)
    return {
        "emotion": None if rejected else settings.labels[best],
        "confidence": float(probabilities[best]),
        "probabilities": dict(zip(settings.labels, probabilities.tolist(), strict=True)),
        "duration_s": clip.duration_s,
        "model": settings.model,
        "distance": _known(vote.distance),
        "entropy": float(soft_voting.entropy(probabilities)),
        "disagreement": _known(vote.disagreement),
        "warnings": [*clip.warnings, *answer_warnings.of(vote.distance)],
        **({"rejected": rejected} if settings.reject_below else {}),
        **({"modalities": list(clip.modalities)} if settings.names_modalities else {}),
        **({} if vote.embedding is None else {"embedding": vote.embedding}),
    }


def checked(source: object, vote: Vote) -> Vote | VoxJaxError:
    """The vote, or an error where it is not finite."""
    if np.isfinite(vote.log_probabilities).all():
        return vote
    name = str(source) if isinstance(source, (str, os.PathLike)) else "the sound"
    found = "numbers that are not finite from the model"
    return VoxJaxError(mismatch(name, "an answer", found, "check the sound, or copy the model folder again"))


def used_modalities(duration_s: float, modality_inputs: Mapping[str, object]) -> list[str]:
    """The modalities that a clip has, including the audio."""
    return [AUDIO] * bool(duration_s) + list(modality_inputs)


def _known(value: float) -> float | None:
    """The number, None for NaN."""
    return value if math.isfinite(value) else None
