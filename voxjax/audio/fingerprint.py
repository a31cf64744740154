"""Audio fingerprints: bits that survive another gain, format or cut, but not another take of the same words.

Haitsma and Kalker 2002, "A highly robust audio fingerprinting system", ISMIR: each frame has one bit per band,
which is set if the energy difference of neighbouring bands rose since the previous frame.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import soxr
from jaxtyping import Bool, Float, Int, UInt32

RATE_HZ = 16_000
_BAND_RATE_HZ = 8_000  # enough for the highest band, at half the cost
_WINDOW, _HOP = 2_048, 128  # samples: 256 ms, long enough that a cut between hops changes few bits; 16 ms
_FRAMES_AT_ONCE = 1_024  # of a clip that may last hours
_BITS = 32
_LOW_HZ, _HIGH_HZ = 200.0, 3_000.0  # the band that telephones and codecs keep
_LOUD_DB = 40.0  # frames further below the loudest are ignored

_COMMON = 64  # words in more places than this are no sign of equal recordings
_OVERLAP_FRACTION = 0.6  # of the shorter clip's loud frames, which must overlap with loud ones
_FEWEST_FRAMES = 20
ERROR_RATE = 0.18  # of bits; chance is 0.5, another take of the same words by the same speaker at least 0.23
_BLOCK_FRAMES = 16  # a quarter of a second: about a syllable
_BLOCK_ERROR_RATE = 0.35  # in any block: words that differ after an equal carrier sentence reach chance


class Print(NamedTuple):
    """One clip: words uint32 `[frames]`, and whether each frame is loud enough, bool `[frames]`.

    Of a thinned print one frame in `every` has a word; the partners count as not loud.
    """

    words: UInt32[np.ndarray, " frames"]
    loud: Bool[np.ndarray, " frames"]
    every: int = 1


class Match(NamedTuple):
    """Two clips with the same recording: indices, the second's delay in seconds, and fraction of bits that differ."""

    first: int
    second: int
    delay_s: float
    error_rate: float


class _Index(NamedTuple):
    """The loud frames of several prints, one row each, sorted by word."""

    words: UInt32[np.ndarray, " rows"]
    clips: Int[np.ndarray, " rows"]
    places: Int[np.ndarray, " rows"]  # frames


def of(samples: Float[np.ndarray, " time"]) -> Print:
    """The fingerprint of a clip at 16 kHz, float32 `[time]`; shorter ones than a window have no frames."""
    narrow = soxr.resample(samples, RATE_HZ, _BAND_RATE_HZ, quality="MQ") if len(samples) else samples
    if len(narrow) < _WINDOW + _HOP:
        return Print(np.zeros(0, np.uint32), np.zeros(0, bool))
    frames = np.lib.stride_tricks.sliding_window_view(narrow, _WINDOW)[::_HOP]
    starts = range(0, len(frames), _FRAMES_AT_ONCE)
    energy = np.concatenate([_energy(frames[i : i + _FRAMES_AT_ONCE]) for i in starts])
    rise = np.diff(-np.diff(energy, axis=1), axis=0) > 0  # [frames - 1, bits]
    words = np.packbits(rise, axis=1).view(">u4")[:, 0].astype(np.uint32)
    total = energy.sum(axis=1)[1:]
    return Print(words, total > total.max() * 10.0 ** (-_LOUD_DB / 10.0))


def _energy(frames: Float[np.ndarray, "frames window"]) -> Float[np.ndarray, "frames bands"]:
    """Energy of each band."""
    edges = _edges()
    bins = np.fft.rfft(frames * np.hanning(_WINDOW).astype(np.float32))[:, edges[0] : edges[-1]]
    power = np.square(bins.real) + np.square(bins.imag)
    return np.add.reduceat(power, edges[:-1] - edges[0], axis=1)


def thinned(one: Print, every: int) -> Print:
    """One frame in `every` of a whole print: smaller to keep, and matched with whole prints as well as before."""
    kept = np.arange(len(one.words)) % every == 0
    loud = one.loud & kept
    return Print(np.where(loud, one.words, np.uint32(0)), loud, every)


def matches(prints: Sequence[Print]) -> Iterator[Match]:
    """All pairs of clips with the same recording, in order."""
    index = _index(prints)
    pairs = _candidates(index, index)
    yield from _verified(prints, prints, pairs[pairs[:, 0] < pairs[:, 1]])


def matches_between(first: Sequence[Print], second: Sequence[Print]) -> Iterator[Match]:
    """All pairs of a clip of the first and one of the second with the same recording, in order.

    Args:
        first: whole prints.
        second: whole or thinned ones.
    """
    yield from _verified(first, second, _candidates(_index(first), _index(second)))


def _edges() -> Int[np.ndarray, " edges"]:
    """First FFT bin of each of 33 bands, evenly spaced in the logarithm, and the end of the last."""
    edges_hz = np.geomspace(_LOW_HZ, _HIGH_HZ, _BITS + 2)
    return np.round(edges_hz * _WINDOW / _BAND_RATE_HZ).astype(int)


def _index(prints: Sequence[Print]) -> _Index:
    words = np.concatenate([np.zeros(0, np.uint32), *(one.words[one.loud] for one in prints)])
    clips = np.repeat(np.arange(len(prints)), [int(one.loud.sum()) for one in prints])
    places = np.concatenate([np.zeros(0, np.int64), *(np.flatnonzero(one.loud) for one in prints)])
    order = np.argsort(words, kind="stable")
    return _Index(words[order], clips[order], places[order])


def _candidates(first: _Index, second: _Index) -> Int[np.ndarray, "pairs 3"]:
    """Distinct `(clip, clip, delay)` at which some word differs in one bit at most; the delay in frames.

    The delay is the place in the first less that in the second.
    """
    flips = np.concatenate([np.zeros(1, np.uint32), np.uint32(1) << np.arange(_BITS, dtype=np.uint32)])
    found = [np.zeros((0, 3), np.int64)]
    for flip in flips:
        words = first.words ^ flip
        start, end = (np.searchsorted(second.words, words, end) for end in ("left", "right"))
        count = np.where(end - start <= _COMMON, end - start, 0)
        rows = np.repeat(np.arange(len(words)), count)
        partners = np.repeat(start - np.cumsum(count) + count, count) + np.arange(len(rows))
        delay = first.places[rows] - second.places[partners]
        found.append(np.stack([first.clips[rows], second.clips[partners], delay], axis=1))
    return np.unique(np.concatenate(found), axis=0)


def _verified(
    first: Sequence[Print], second: Sequence[Print], candidates: Int[np.ndarray, "pairs 3"]
) -> Iterator[Match]:
    """The candidates that are the same recording, each at its best delay."""
    starts = np.flatnonzero(np.any(np.diff(candidates[:, :2], axis=0, prepend=-1) != 0, axis=1))
    for group in np.split(candidates, starts[1:]) if len(candidates) else ():
        i, j = (int(clip) for clip in group[0, :2])
        rate, delay = min((_compared(first[i], second[j], int(delay)), int(delay)) for delay in group[:, 2])
        if rate <= ERROR_RATE:
            yield Match(i, j, -delay * _HOP / _BAND_RATE_HZ, rate)


def _compared(a: Print, b: Print, delay: int) -> float:
    """Fraction of bits that differ where both are loud; 1 if they overlap too little or differ much in some block."""
    start, end = max(0, delay), min(len(a.words), len(b.words) + delay)
    both = a.loud[start:end] & b.loud[start - delay : end - delay]
    every = max(a.every, b.every)
    frames = min(int(one.loud.sum()) * one.every for one in (a, b))
    if both.sum() * every < max(_FEWEST_FRAMES, _OVERLAP_FRACTION * frames):
        return 1.0
    differing = np.bitwise_count(np.bitwise_xor(a.words[start:end], b.words[start - delay : end - delay])[both])
    blocks = np.array_split(differing, max(1, len(differing) * every // _BLOCK_FRAMES))
    worst = max(float(block.mean()) for block in blocks) / _BITS
    return float(differing.mean()) / _BITS if worst <= _BLOCK_ERROR_RATE else 1.0
