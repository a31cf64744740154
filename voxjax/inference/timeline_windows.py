"""Windows of a recording, one answer each: of detected speech, of the turns of speakers, or of given spans."""

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32

from voxjax.inference.segments import Span
from voxjax.inference.speech_regions import CONTEXT_S, Region, RegionFinder
from voxjax.inference.streaming import Track
from voxjax.inference.voice_activity import FRAME_S, SECTION_S, MakeDetector


class Cut(NamedTuple):
    """How speech is cut into windows.

    Attributes:
        window_s: of the longest window.
        hop_s: greatest distance of one to the next.
        context_s: of the sound before and after speech that windows hold, too.
    """

    window_s: float
    hop_s: float
    context_s: float = CONTEXT_S


class Window(NamedTuple):
    """Sound that gets one answer.

    Attributes:
        from_s, to_s: what the answer is computed from.
        start_s, end_s: what it is the answer for: the part of `from_s` to `to_s` that is nearest to this window.
        weight: this part, relative to the window.
        group: index of the region, turn or span that it belongs to.
        samples: the sound at the model's rate; empty once it is answered.
    """

    from_s: float
    to_s: float
    start_s: float
    end_s: float
    weight: float
    group: int
    samples: Float32[np.ndarray, " time"] = np.zeros(0, np.float32)


class Tape:
    """The last part of a stream of samples, by its place in seconds."""

    def __init__(self, rate_hz: int) -> None:
        self._rate_hz, self._first = rate_hz, 0
        self._samples = np.zeros(0, np.float32)

    @property
    def end_s(self) -> float:
        return (self._first + len(self._samples)) / self._rate_hz

    def add(self, samples: Float32[np.ndarray, " time"], needed_from_s: float) -> None:
        """Adds samples, and forgets what lies before a place."""
        gone = min(max(0, math.floor(needed_from_s * self._rate_hz) - self._first), len(self._samples))
        self._samples, self._first = np.concatenate([self._samples[gone:], samples]), self._first + gone

    def between(self, from_s: float, to_s: float) -> Float32[np.ndarray, " time"]:
        """A copy of the samples between two places, as far as they are there."""
        first, last = (max(0, round(place * self._rate_hz) - self._first) for place in (from_s, to_s))
        return self._samples[first:last].copy()


def of_speech(track: Track, rate_hz: int, cut: Cut, detector: MakeDetector) -> Iterator[Window]:
    """Windows of the regions in which somebody speaks.

    Args:
        track: the signal.
        rate_hz: its rate.
        cut: how long regions are cut.
        detector: of voice activity.
    """
    detect, finder, tape, group = detector(rate_hz), RegionFinder(FRAME_S, cut.context_s), Tape(rate_hz), 0
    for section, last in _sections(track.blocks(), round(SECTION_S * rate_hz)):
        tape.add(section, finder.needed_from_s())
        for region in finder.add(detect(section), last):
            yield from (one._replace(samples=tape.between(one.from_s, one.to_s)) for one in windows(region, cut, group))
            group += 1


def of_turns(track: Track, rate_hz: int, cut: Cut, turns: Sequence[Span]) -> Iterator[Window]:
    """Windows of the turns of speakers; `group` is the index of the turn."""
    planned = []
    for i, turn in enumerate(turns):
        start_s, end_s = turn.start_s, min(turn.end_s, track.duration_s)
        if start_s < end_s:
            planned += windows(Region(start_s, end_s, start_s, end_s), cut, i)
    yield from _filled(track, rate_hz, planned)


def of_spans(track: Track, rate_hz: int, longest_s: float, spans: Sequence[Span]) -> Iterator[Window]:
    """Windows of given spans, near-equal and side by side; `group` is the index of the span."""
    planned = []
    for i, span in enumerate(spans):
        end_s = min(span.end_s, track.duration_s)
        if span.start_s < end_s:
            count = max(1, math.ceil((end_s - span.start_s) / longest_s - 1e-9))
            edges = np.linspace(span.start_s, end_s, count + 1).tolist()
            planned += [Window(a, b, a, b, 1.0, i) for a, b in itertools.pairwise(edges)]
    yield from _filled(track, rate_hz, planned)


def windows(region: Region, cut: Cut, group: int) -> list[Window]:
    """The windows of a region, of equal length at equal distances, and the part of it that each answers for."""
    length_s = region.to_s - region.from_s
    window_s = min(cut.window_s, length_s)
    count = 1 + max(0, math.ceil((length_s - window_s) / cut.hop_s - 1e-9))
    starts = np.linspace(region.from_s, region.to_s - window_s, count)
    middles = (starts[1:] + starts[:-1] + window_s) / 2
    edges = np.clip([region.start_s, *middles, region.end_s], region.start_s, region.end_s).tolist()
    parts = [(b - a) for a, b in itertools.pairwise(edges)]
    spoken_s = min(window_s, region.end_s - region.start_s)
    return [
        Window(float(start), float(start) + window_s, edges[i], edges[i + 1], min(1.0, parts[i] / spoken_s), group)
        for i, start in enumerate(starts)
        if parts[i] > 0
    ]


def _filled(track: Track, rate_hz: int, planned: Sequence[Window]) -> Iterator[Window]:
    """Planned windows with their samples, in the order in which they end."""
    waiting = sorted(planned, key=lambda one: one.to_s)
    starts = np.minimum.accumulate([one.from_s for one in reversed(waiting)])[::-1]  # of this and all later windows
    tape, done = Tape(rate_hz), 0
    for block, last in _with_last(track.blocks()):
        if done == len(waiting):
            return
        tape.add(block, starts[done])
        while done < len(waiting) and (last or waiting[done].to_s <= tape.end_s):
            yield waiting[done]._replace(samples=tape.between(waiting[done].from_s, waiting[done].to_s))
            done += 1


def _sections(
    blocks: Iterator[Float32[np.ndarray, " time"]], size: int
) -> Iterator[tuple[Float32[np.ndarray, " time"], bool]]:
    """The same samples in sections of one size, the last one shorter, each with whether it is the last."""
    held, count = [], 0
    for block in blocks:
        held.append(block)
        count += len(block)
        if count > size:
            together = np.concatenate(held)
            whole = (count - 1) // size * size  # at least one sample stays for the last section
            yield from ((together[i : i + size], False) for i in range(0, whole, size))
            held, count = [together[whole:].copy()], count - whole
    yield np.concatenate([np.zeros(0, np.float32), *held]), True


def _with_last(
    blocks: Iterator[Float32[np.ndarray, " time"]],
) -> Iterator[tuple[Float32[np.ndarray, " time"], bool]]:
    """Blocks, each with whether it is the last."""
    before = None
    for block in blocks:
        if before is not None:
            yield before, False
        before = block
    if before is not None:
        yield before, True
