"""Emotions of a recording of any length over time, in bounded memory."""

import dataclasses
import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from voxjax.audio import io, quality_checks
from voxjax.audio.limits import AudioError
from voxjax.audio.mixing import MIN_DURATION_S, SHORTEST_SOUND_S, sound_s
from voxjax.config import in_range, one_of
from voxjax.errors import UsageError, VoxJaxError, mismatch
from voxjax.inference import streaming, timeline_segments, timeline_windows
from voxjax.inference.enrolment_list import People
from voxjax.inference.predictor import EmotionPredictor, Vote
from voxjax.inference.segments import Segment, Span, Timeline
from voxjax.inference.smoothing import SMOOTHING
from voxjax.inference.speech_regions import CONTEXT_S
from voxjax.inference.streaming import Track
from voxjax.inference.timeline_segments import Answer
from voxjax.inference.timeline_windows import Cut, Window
from voxjax.inference.voice_activity import DETECTORS

DEFAULT_WINDOW_S = 4.0
_AT_ONCE = 64  # windows that are answered together: 25 MB of sound at most
_NO_SAMPLES = np.zeros(0, np.float32)

Report = Callable[[float], object]


@dataclasses.dataclass(frozen=True)
class Options:
    """How a timeline is made.

    Attributes:
        window_s: the longest stretch that gets one answer; 0 is the default, or the model's longest window where that
            is shorter.
        hop_s: greatest distance of two windows; 0 is half of a window.
        vad: a name in `voice_activity.DETECTORS`.
        smoothing: a name in `smoothing.SMOOTHING`.
        context_s: of the sound before and after speech that an answer is computed from, too.
        separate: answers each channel apart, as a speaker of its own.
    """

    window_s: float = 0.0
    hop_s: float = 0.0
    vad: str = "energy"
    smoothing: str = "viterbi"
    separate: bool = False
    context_s: float = CONTEXT_S

    def __post_init__(self) -> None:
        one_of("--vad", self.vad, DETECTORS)
        one_of("--smoothing", self.smoothing, SMOOTHING)
        if self.window_s:
            in_range("--window", self.window_s, MIN_DURATION_S, math.inf)
        if self.hop_s:
            in_range("--hop", self.hop_s, 0.05, math.inf)
        in_range("context_s", self.context_s, 0.0, 5.0)


DEFAULTS = Options()


def timeline(
    predictor: EmotionPredictor,
    source: io.Source,
    options: Options = DEFAULTS,
    spans: Sequence[Span] | None = None,
    turns: Sequence[Span] | None = None,
    report: Report = lambda seconds: None,
    people: People | None = None,
) -> Timeline:
    """The emotions of a recording over time.

    Args:
        predictor: the model; its rejection threshold and its limits hold here too.
        source: as for `EmotionPredictor.predict`.
        options: how speech is found, cut and smoothed.
        spans: stretches that get exactly one segment each; None finds the stretches.
        turns: who speaks when. Speech is not searched for then; segments have the speaker of the turn.
        report: called with the seconds that are done, each time that windows were answered.
        people: whom the model is adapted to, by the speakers of turns, spans or separate channels.

    Returns:
        Segments by start; those of given spans in the order of the spans.

    Raises:
        AudioError: at sound that can't be used.
        VoxJaxError: at a window longer than the model's, a detector whose package is missing, and numbers that are not
            finite from the model.
        UsageError: at more than one of spans, turns and separate channels.
    """
    if (spans is not None) + (turns is not None) + options.separate > 1:
        do = "leave the others out"
        raise UsageError(mismatch("timeline", "one of --segments, --rttm and --channels=separate", "several", do))
    work = _Work(predictor, options, _cut(predictor, options), io.name_of(source), report, people)
    with streaming.opened(source, predictor.sample_rate_hz, predictor.limits, options.separate) as tracks:
        if spans is not None:
            none = [] if spans else ["none of the given segments is of this recording"]
            found = [(work.of_spans(tracks[0], spans), none)]
        elif turns is not None:
            found = [work.of_turns(tracks[0], turns)]
        else:
            found = [work.of_speech(track) for track in tracks]
        segments = [segment for those, _ in found for segment in those]
        about = people.about(one.speaker for one in segments) if people else []
        warnings = [*about, *(warning for _, those in found for warning in those)]
        if spans is None:
            segments.sort(key=lambda one: (one.start_s, one.end_s))
        return Timeline(
            work.name, tracks[0].duration_s, predictor.model, tuple(predictor.labels), segments, tuple(warnings)
        )


def failed(path: str, predictor: EmotionPredictor, error: VoxJaxError, spans: Sequence[Span] = ()) -> Timeline:
    """The timeline of a recording that could not be read: an error, for each given span too."""
    text = str(error).removeprefix(f"{path}: ")
    segments = [timeline_segments.failed(span, text) for span in spans]
    return Timeline(path, 0.0, predictor.model, tuple(predictor.labels), segments, error=text)


class _Work(NamedTuple):
    """A timeline in the making."""

    predictor: EmotionPredictor
    options: Options
    cut: Cut
    name: str  # of the source, for messages
    report: Report
    people: People | None

    def of_spans(self, track: Track, spans: Sequence[Span]) -> list[Segment]:
        rate_hz, longest_s = self.predictor.sample_rate_hz, self.predictor.longest_window_s
        windows = timeline_windows.of_spans(track, rate_hz, longest_s, spans)
        answered = self._answered(windows, lambda window: spans[window.group].speaker)
        return timeline_segments.of_spans(self.predictor, answered, spans, track.duration_s)

    def of_turns(self, track: Track, turns: Sequence[Span]) -> tuple[list[Segment], list[str]]:
        """Segments of each speaker's turns, and warnings."""
        own = joined(turns)
        windows = timeline_windows.of_turns(track, self.predictor.sample_rate_hz, self.cut, own)
        by_speaker: dict[str, list[Answer]] = {}
        for answer in self._answered(windows, lambda window: own[window.group].speaker):
            by_speaker.setdefault(own[answer.window.group].speaker, []).append(answer)
        segments = [one for speaker, own_answers in by_speaker.items() for one in self._smoothed(own_answers, speaker)]
        return segments, [] if segments else ["no turns of speakers with sound in this recording"]

    def of_speech(self, track: Track) -> tuple[list[Segment], list[str]]:
        """Segments of the regions in which somebody speaks, and warnings."""
        detector = DETECTORS[self.options.vad]
        windows = timeline_windows.of_speech(track, self.predictor.sample_rate_hz, self.cut, detector)
        try:
            segments = self._smoothed(list(self._answered(windows, lambda _: track.speaker)), track.speaker)
        except AudioError:
            if not self.options.separate:
                raise
            return [], [f"{track.speaker}: silence"]
        where = f"{track.speaker}: " if track.speaker else ""
        return segments, [] if segments else [f"{where}no speech found; --vad=none answers for all of the recording"]

    def _answered(self, windows: Iterator[Window], speaker: Callable[[Window], str]) -> Iterator[Answer]:
        """The answers to windows, each by the predictor for its speaker."""
        people = self.people
        if people is None:
            return answers(self.predictor, windows, self.name, self.report)
        return answers(self.predictor, windows, self.name, self.report, lambda one: people.of_speaker(speaker(one)))

    def _smoothed(self, answered: Sequence[Answer], speaker: str) -> list[Segment]:
        with_sound = [one for one in answered if one.sound_s >= SHORTEST_SOUND_S]
        return timeline_segments.smoothed(self.predictor, with_sound, speaker, SMOOTHING[self.options.smoothing])


def answers(
    predictor: EmotionPredictor,
    windows: Iterator[Window],
    name: str,
    report: Report = lambda seconds: None,
    adapted: Callable[[Window], EmotionPredictor] | None = None,
) -> Iterator[Answer]:
    """The answer to each window, computed for many at once.

    Args:
        predictor: the model.
        windows: with their samples, consumed as needed.
        name: of the recording, for messages.
        report: called with the seconds that are done.
        adapted: the predictor for each window; None is the model for all of them.

    Raises:
        VoxJaxError: at numbers that are not finite from the model.
    """
    while chunk := list(itertools.islice(windows, _AT_ONCE)):
        votes = _votes([adapted(one) if adapted else predictor for one in chunk], chunk)
        for window, vote in zip(chunk, votes, strict=True):
            if not np.isfinite(vote.log_probabilities).all():
                found = f"numbers that are not finite from the model at {window.from_s:.1f} s"
                do = "check the sound, or copy the model folder again"
                raise VoxJaxError(mismatch(name, "an answer", found, do))
            sound = sound_s(window.samples, predictor.sample_rate_hz)
            yield Answer(window._replace(samples=_NO_SAMPLES), vote, sound, _unusual(window, sound, predictor))
        report(chunk[-1].to_s)


def _votes(predictors: Sequence[EmotionPredictor], windows: Sequence[Window]) -> list[Vote]:
    """The vote on each window by its own predictor, computed for all of one predictor together."""
    found: dict[int, Vote] = {}
    for predictor in dict.fromkeys(predictors):
        own = [i for i, one in enumerate(predictors) if one is predictor]
        found |= zip(own, predictor.window_votes([windows[i].samples for i in own]), strict=True)
    return [found[i] for i in range(len(windows))]


def _unusual(window: Window, sound_s: float, predictor: EmotionPredictor) -> list[str]:
    """Warnings about the sound of a window; none about silence, which has no answer."""
    if sound_s < SHORTEST_SOUND_S:
        return []
    return quality_checks.warnings(quality_checks.measure(window.samples, predictor.sample_rate_hz))


def joined(turns: Sequence[Span]) -> list[Span]:
    """Turns by start, those of one speaker that touch or overlap as one."""
    found: list[Span] = []
    last: dict[str, int] = {}
    for turn in sorted(turns, key=lambda one: one.start_s):
        if turn.speaker in last and turn.start_s <= found[last[turn.speaker]].end_s:
            i = last[turn.speaker]
            found[i] = dataclasses.replace(found[i], end_s=max(found[i].end_s, turn.end_s))
        else:
            last[turn.speaker] = len(found)
            found.append(turn)
    return found


def _cut(predictor: EmotionPredictor, options: Options) -> Cut:
    """How speech is cut, within what the model takes."""
    longest_s = predictor.longest_window_s
    if options.window_s > longest_s:
        do = "make it shorter, or 0 for the default"
        raise UsageError(mismatch("--window", f"at most the model's {longest_s:g} s", f"{options.window_s:g}", do))
    window_s = options.window_s or min(DEFAULT_WINDOW_S, longest_s)
    return Cut(window_s, options.hop_s or window_s / 2, options.context_s)
