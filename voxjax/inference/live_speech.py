"""Windows of speech in sound that comes block by block, as a call or a microphone gives it, in bounded memory."""

import numpy as np
from jaxtyping import Bool, Float32

from voxjax.inference.speech_regions import SHORTEST_PAUSE_S, RegionFinder
from voxjax.inference.timeline_windows import Cut, Tape, Window, windows
from voxjax.inference.voice_activity import FRAME_S, energy

HOP_S = 0.24  # of the sound that is looked at together
WARM_UP_S = 2.0  # before the level of the background is known well enough for the first decision
CONTEXT_S = 0.2  # shorter than in timelines, as windows wait for twice as long
_EDGE_FRAMES = 2  # whose level is averaged with frames beyond the end of what has come

# Speech is answered at most this long after it has ended, besides the time of computing; at the start of a stream
# `WARM_UP_S` is the least.
LATENCY_S = SHORTEST_PAUSE_S + 2 * CONTEXT_S + HOP_S + _EDGE_FRAMES * FRAME_S


class LiveSpeech:
    """Finds windows of speech, each as soon as the speech pauses or the longest window is full.

    The background's level comes from the last minute alone, so that regions differ a little from those of
    `timeline.timeline`, which looks at whole minutes.

    Args:
        rate_hz: of the sound.
        window_s: of the longest window, with its context; at least 1.
        context_s: of the sound before and after speech that windows hold, too.
    """

    def __init__(self, rate_hz: int, window_s: float, context_s: float = CONTEXT_S) -> None:
        self._rate_hz, self._frame = rate_hz, round(FRAME_S * rate_hz)
        self._cut = Cut(window_s, window_s, context_s)
        self._finder = RegionFinder(FRAME_S, context_s, window_s - 2 * context_s)
        self._detect = energy.detector(rate_hz)
        self._tape, self._group = Tape(rate_hz), 0
        self._waiting: list[Float32[np.ndarray, " time"]] = []  # too little to be looked at
        self._waiting_samples = 0
        self._wanted = round(WARM_UP_S * rate_hz)
        self._undecided, self._before = np.zeros(0, np.float32), 0  # sound, and its first frames that are decided

    def add(self, samples: Float32[np.ndarray, " time"], last: bool = False) -> list[Window]:
        """The windows that are complete once these samples have come.

        Args:
            samples: the next ones.
            last: whether no more follow.
        """
        self._waiting.append(samples)
        self._waiting_samples += len(samples)
        if self._waiting_samples < self._wanted and not last:
            return []
        section = np.concatenate(self._waiting)
        self._waiting, self._waiting_samples = [], 0
        self._wanted = round(HOP_S * self._rate_hz)
        self._tape.add(section, self._finder.needed_from_s())
        found: list[Window] = []
        for region in self._finder.add(self._decided(section, last), last):
            cut = windows(region, self._cut, self._group)
            found += [one._replace(samples=self._tape.between(one.from_s, one.to_s)) for one in cut]
            self._group += 1
        return found

    def _decided(self, section: Float32[np.ndarray, " time"], last: bool) -> Bool[np.ndarray, " frames"]:
        """Whether somebody speaks in the frames that can be decided now; the last ones wait for what follows them."""
        sound = np.concatenate([self._undecided, section])
        flags = self._detect(sound)
        end = len(flags) if last else max(self._before, len(flags) - _EDGE_FRAMES)
        decided = flags[self._before : end]
        kept = max(0, end - _EDGE_FRAMES)
        self._undecided, self._before = sound[kept * self._frame :].copy(), end - kept
        return decided
