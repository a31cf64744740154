"""Audio fingerprints: equal for another gain, format or cut of a recording, different for another take of the words.

Haitsma and Kalker 2002, "A highly robust audio fingerprinting system", ISMIR: each frame has one bit per band,
which is set if the energy difference of neighbouring bands rose since the previous frame.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, UInt32

RATE_HZ = 16_000
_WINDOW, _HOP = 4_096, 256  # samples: 256 ms, so that a cut between hops changes few bits; 16 ms
_BITS = 32
_LOW_HZ, _HIGH_HZ = 200.0, 3_000.0  # the band that telephones and codecs keep
_LOUD_DB = 40.0  # frames further below the loudest are ignored

_VOTES = 2  # equal words at one delay, from which on two clips are compared
_COMMON = 64  # words in more clips than this are ignored
_OVERLAP_FRACTION = 0.6  # of the shorter clip's loud frames, which must overlap with loud ones
_FEWEST_FRAMES = 20
ERROR_RATE = 0.25  # of bits; chance is 0.5


class Print(NamedTuple):
    """One clip: words uint32 `[frames]`, and whether each frame is loud enough, bool `[frames]`."""

    words: UInt32[np.ndarray, " frames"]
    loud: Bool[np.ndarray, " frames"]


class Match(NamedTuple):
    """Two clips with the same recording: indices, the second's delay in seconds, and fraction of bits that differ."""

    first: int
    second: int
    delay_s: float
    error_rate: float


def of(samples: Float[np.ndarray, " time"]) -> Print:
    """The fingerprint of a clip at 16 kHz, float32 `[time]`; shorter ones than a window have no frames."""
    if len(samples) < _WINDOW + _HOP:
        return Print(np.zeros(0, np.uint32), np.zeros(0, bool))
    frames = np.lib.stride_tricks.sliding_window_view(samples, _WINDOW)[::_HOP]
    power = np.square(np.abs(np.fft.rfft(frames * np.hanning(_WINDOW).astype(np.float32))))
    energy = np.add.reduceat(power, _edges(), axis=1)[:, : _BITS + 1]
    rise = np.diff(-np.diff(energy, axis=1), axis=0) > 0  # [frames - 1, bits]
    words = np.packbits(rise, axis=1).view(">u4")[:, 0].astype(np.uint32)
    total = energy.sum(axis=1)[1:]
    return Print(words, total > total.max() * 10.0 ** (-_LOUD_DB / 10.0))


def matches(prints: Sequence[Print]) -> Iterator[Match]:
    """All pairs of clips with the same recording, in order."""
    if not prints:
        return
    for (first, second), delays in sorted(_candidates(prints).items()):
        found = [_compared(prints[first], prints[second], delay) for delay in delays]
        rate, delay = min(zip(found, delays, strict=True))
        if rate <= ERROR_RATE:
            yield Match(first, second, -delay * _HOP / RATE_HZ, rate)


def _edges() -> np.ndarray:
    """First FFT bin of each of 33 bands, evenly spaced in the logarithm, and the bin above the last."""
    edges_hz = np.geomspace(_LOW_HZ, _HIGH_HZ, _BITS + 2)
    return np.round(edges_hz * _WINDOW / RATE_HZ).astype(int)


def _candidates(prints: Sequence[Print]) -> dict[tuple[int, int], list[int]]:
    """Pairs with equal words at one delay, and their delays in frames: position in the first minus in the second."""
    words = np.concatenate([one.words[one.loud] for one in prints])
    clip_index = np.repeat(np.arange(len(prints)), [int(one.loud.sum()) for one in prints])
    places = np.concatenate([np.flatnonzero(one.loud) for one in prints])
    order = np.lexsort((clip_index, words))
    starts = np.flatnonzero(np.r_[True, np.diff(words[order].astype(np.int64)) != 0])
    votes: dict[tuple[int, int], dict[int, int]] = {}
    for group in np.split(order, starts[1:]):
        if 2 <= len(group) <= _COMMON:
            _vote(votes, clip_index[group].tolist(), places[group].tolist())
    chosen = {pair: [d for d, n in count.items() if n >= _VOTES] for pair, count in votes.items()}
    return {pair: delays for pair, delays in chosen.items() if delays}


def _vote(votes: dict[tuple[int, int], dict[int, int]], clip_index: list[int], places: list[int]) -> None:
    """Counts one word's pairs of clips by their delay."""
    for i, first in enumerate(clip_index):
        for j in range(i + 1, len(clip_index)):
            if first != clip_index[j]:
                count = votes.setdefault((first, clip_index[j]), {})
                delay = places[i] - places[j]
                count[delay] = count[delay] + 1 if delay in count else 1


def _compared(a: Print, b: Print, delay: int) -> float:
    """Fraction of bits that differ where both are loud; 1 if they overlap too little."""
    start, end = max(0, delay), min(len(a.words), len(b.words) + delay)
    both = a.loud[start:end] & b.loud[start - delay : end - delay]
    if both.sum() < max(_FEWEST_FRAMES, _OVERLAP_FRACTION * min(a.loud.sum(), b.loud.sum())):
        return 1.0
    differing = np.bitwise_xor(a.words[start:end], b.words[start - delay : end - delay])[both]
    return float(np.unpackbits(differing.view(np.uint8)).mean())
