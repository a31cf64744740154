"""From the answers of windows to segments: smoothed and joined, or one for each given span."""

import dataclasses
import itertools
import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from voxjax.audio.mixing import MIN_DURATION_S, check_sound
from voxjax.errors import VoxJaxError, mismatch
from voxjax.inference import answer_warnings
from voxjax.inference.predictor import EmotionPredictor, Vote
from voxjax.inference.segments import Segment, Span
from voxjax.inference.smoothing import Smooth
from voxjax.inference.timeline_windows import Window
from voxjax.metrics import soft_voting

JOINED_PAUSE_S = 0.5  # segments of one emotion with a shorter pause between them are one
_SLACK_S = 0.05  # by which a span may end after the recording without a warning


class Answer(NamedTuple):
    """A window, without its samples, and its answer.

    Attributes:
        window: what was answered.
        vote: on it, before the temperature.
        sound_s: seconds of it that are not silence.
        warnings: about its sound.
    """

    window: Window
    vote: Vote
    sound_s: float
    warnings: Sequence[str] = ()


def smoothed(predictor: EmotionPredictor, answers: Iterable[Answer], speaker: str, smooth: Smooth) -> list[Segment]:
    """The segments of one speaker.

    Args:
        predictor: the model that answered.
        answers: to windows of this speaker alone, with sound in each.
        speaker: "" where that is unknown.
        smooth: gives each window its class.
    """
    ordered = sorted(answers, key=lambda one: one.window.start_s)
    if not ordered:
        return []
    log_probabilities = np.stack([_calibrated(predictor, one.vote.log_probabilities) for one in ordered])
    weights = np.array([one.window.weight for one in ordered])
    starts, ends = (np.array([getattr(one.window, name) for one in ordered]) for name in ("start_s", "end_s"))
    pauses = np.maximum(0.0, starts - np.concatenate([starts[:1], ends[:-1]]))
    labels = smooth(log_probabilities, weights, pauses)
    changes = (np.diff(labels, prepend=labels[0]) != 0) | (pauses >= JOINED_PAUSE_S)
    edges = [0, *np.flatnonzero(changes).tolist(), len(ordered)]
    parts = [slice(first, last) for first, last in itertools.pairwise(edges) if first < last]
    return [_of_windows(predictor, ordered[part], int(labels[part.start]), speaker) for part in parts]


def of_spans(
    predictor: EmotionPredictor, answers: Iterable[Answer], spans: Sequence[Span], duration_s: float
) -> list[Segment]:
    """One segment for each given span, in their order; an error for one that can't be answered.

    Args:
        predictor: the model that answered.
        answers: to windows of these spans, whose `group` is the index of the span.
        spans: as given.
        duration_s: of the recording.
    """
    own: dict[int, list[Answer]] = {}
    for answer in answers:
        own.setdefault(answer.window.group, []).append(answer)
    return [_of_span(predictor, own[i] if i in own else [], span, duration_s) for i, span in enumerate(spans)]


def failed(span: Span, error: str) -> Segment:
    """The segment of a span without an answer."""
    end_s = span.end_s if math.isfinite(span.end_s) else span.start_s  # the end of a recording that is not known
    return Segment(span.start_s, end_s, span.speaker, None, 0.0, {}, columns=span.columns, error=error)


def _of_span(predictor: EmotionPredictor, answers: Sequence[Answer], span: Span, duration_s: float) -> Segment:
    end_s = min(span.end_s, duration_s)
    if span.start_s >= duration_s:
        do = "check its times and the recording"
        return failed(span, mismatch("span", f"a start before the end at {duration_s:.2f} s", span.start_s, do))
    if end_s - span.start_s < MIN_DURATION_S:
        found = f"{end_s - span.start_s:.3f} s"
        return failed(span, mismatch("span", f"at least {MIN_DURATION_S} s", found, "make it longer"))
    try:
        check_sound(sum(one.sound_s for one in answers), "span")
    except VoxJaxError as silence:
        return failed(span, str(silence))
    lengths = np.array([one.window.to_s - one.window.from_s for one in answers])
    mean = np.average([one.vote.log_probabilities for one in answers], axis=0, weights=lengths)
    probabilities = np.exp(_calibrated(predictor, mean))
    warnings = []
    if duration_s + _SLACK_S < span.end_s < math.inf:
        warnings = [f"ends {span.end_s - duration_s:.2f} s after the recording: answered as far as there is sound"]
    answered = _segment(predictor, probabilities, int(probabilities.argmax()), answers)
    return dataclasses.replace(
        answered,
        start_s=span.start_s,
        end_s=span.end_s if math.isfinite(span.end_s) else duration_s,
        speaker=span.speaker,
        columns=span.columns,
        warnings=[*warnings, *answered.warnings],
    )


def _of_windows(predictor: EmotionPredictor, answers: Sequence[Answer], label: int, speaker: str) -> Segment:
    """The segment of windows that have one class."""
    weights = np.array([one.window.end_s - one.window.start_s for one in answers])
    each = [np.exp(_calibrated(predictor, one.vote.log_probabilities)) for one in answers]
    found = _segment(predictor, np.average(each, axis=0, weights=weights), label, answers)
    start_s, end_s = answers[0].window.start_s, answers[-1].window.end_s
    return dataclasses.replace(found, start_s=start_s, end_s=end_s, speaker=speaker)


def _segment(
    predictor: EmotionPredictor, probabilities: Float[np.ndarray, " K"], label: int, answers: Sequence[Answer]
) -> Segment:
    """A segment without its place, with the warnings about the sound of its longest window."""
    confidence, distance = float(probabilities[label]), _distance(answers)
    longest = max(answers, key=lambda one: one.window.to_s - one.window.from_s)
    return Segment(
        start_s=0.0,
        end_s=0.0,
        speaker="",
        emotion=None if confidence < predictor.reject_below else predictor.labels[label],
        confidence=confidence,
        probabilities=dict(zip(predictor.labels, probabilities.tolist(), strict=True)),
        distance=distance if math.isfinite(distance) else None,
        warnings=[*longest.warnings, *answer_warnings.of(distance)],
    )


def _distance(answers: Sequence[Answer]) -> float:
    """From the training clips, averaged over time."""
    lengths = [one.window.to_s - one.window.from_s for one in answers]
    return float(np.average([one.vote.distance for one in answers], weights=lengths))


def _calibrated(predictor: EmotionPredictor, log_probabilities: Float[np.ndarray, " K"]) -> Float[np.ndarray, " K"]:
    """Log-probabilities after the temperature."""
    return np.log(np.maximum(soft_voting.softmax(log_probabilities / predictor.temperature), 1e-300))
