"""Regions of speech, from frames in which somebody speaks, as they come."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool

SHORTEST_PAUSE_S = 0.3  # shorter ones belong to the speech around them
SHORTEST_SPEECH_S = 0.2  # shorter ones are clicks
CONTEXT_S = 0.6  # before and after a region, which windows hold too: ends of words, breath, and pauses as in training
LONGEST_S = 30.0  # a longer region is cut, so that memory is bounded


class Region(NamedTuple):
    """A stretch of speech, in seconds from the start of the recording."""

    start_s: float
    end_s: float
    from_s: float  # the same with its context
    to_s: float


class RegionFinder:
    """Finds regions in frames that are added section by section.

    Args:
        frame_s: of a frame.
        context_s: before and after each region.
        longest_s: of a region; a longer one is cut.
    """

    def __init__(self, frame_s: float, context_s: float = CONTEXT_S, longest_s: float = LONGEST_S) -> None:
        self._frame_s, self._context_s, self._longest_s = frame_s, context_s, longest_s
        self._frames = np.zeros(0, bool)  # those that are not in a region yet
        self._first = 0  # place of the first of these
        self._held: Region | None = None  # its context is not known before the next region is
        self._end_s = 0.0  # of the region before

    def add(self, frames: Bool[np.ndarray, " frames"], last: bool) -> list[Region]:
        """The regions that are complete once these frames are added.

        Args:
            frames: the next ones: whether somebody speaks.
            last: whether no more follow.
        """
        self._frames = np.concatenate([self._frames, frames])
        found: list[Region] = []
        total = len(self._frames)
        pause, most = round(SHORTEST_PAUSE_S / self._frame_s), round(self._longest_s / self._frame_s)
        settled = 0  # frames that are done
        for start, end in _runs(self._frames, pause):
            while end - start > most:
                found += self._next(start, start + most)
                start = settled = start + most
            if end + pause > total and not last:
                if self._is_speech(start, end):
                    found += self._released(start)
                settled = start
                break
            settled = end
            if self._is_speech(start, end):
                found += self._next(start, end)
        else:
            settled = max(settled, total - pause if not last else total)
        self._frames, self._first = self._frames[settled:], self._first + settled
        held = self._held
        if held is not None and (last or self._first * self._frame_s >= held.end_s + 2 * self._context_s):
            found.append(held)
            self._held = None
        return found

    def needed_from_s(self) -> float:
        """Seconds from which on the sound is still needed."""
        if self._held is not None:
            return self._held.from_s
        return self._first * self._frame_s - self._context_s

    def _is_speech(self, start: int, end: int) -> bool:
        """Whether a stretch is long enough to be a region."""
        return (end - start) * self._frame_s >= SHORTEST_SPEECH_S - 1e-9

    def _released(self, start: int) -> list[Region]:
        """The region before, now that the start of the next one is known."""
        before, self._held = self._held, None
        middle_s = (self._end_s + (self._first + start) * self._frame_s) / 2
        return [] if before is None else [before._replace(to_s=min(before.end_s + self._context_s, middle_s))]

    def _next(self, start: int, end: int) -> list[Region]:
        """The region before, now that this one follows it."""
        start_s, end_s = (self._first + start) * self._frame_s, (self._first + end) * self._frame_s
        from_s = max(start_s - self._context_s, (self._end_s + start_s) / 2 if self._end_s else 0.0)
        before = self._released(start)
        self._held, self._end_s = Region(start_s, end_s, from_s, end_s + self._context_s), end_s
        return before


def _runs(frames: Bool[np.ndarray, " frames"], pause: int) -> list[tuple[int, int]]:
    """Stretches of speech, as first frame and one past the last, joined over shorter pauses than `pause` frames."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], frames, [False]]).astype(np.int8)))
    runs: list[tuple[int, int]] = []
    for start, end in edges.reshape(-1, 2).tolist():
        if runs and start - runs[-1][1] < pause:
            runs[-1] = (runs[-1][0], end)
        else:
            runs.append((start, end))
    return runs
