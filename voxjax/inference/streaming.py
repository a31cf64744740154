"""Recordings of any length as streams of mono blocks at the model's rate, in bounded memory.

A first pass over the sound finds what `audio.io.read` knows once it holds all samples: the duration, the constant
offset, and channels that cancel each other. A further pass gives the samples that `audio.io.read` gives.
"""

import contextlib
import functools
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import numpy as np
import soxr
from jaxtyping import Float32

from voxjax.audio import io
from voxjax.audio.decoding import blocks as decoded
from voxjax.audio.decoding.blocks import Blocks
from voxjax.audio.limits import AudioError, AudioLimits
from voxjax.audio.mixing import (
    FRAME_S,
    Powers,
    check_long_enough,
    check_same_rate,
    check_sound,
    check_values,
    sound_s,
)
from voxjax.errors import mismatch

_LIMITS = AudioLimits()


class Track(NamedTuple):
    """A mono signal of a recording.

    Attributes:
        speaker: "channel 1" and so on where channels are apart, else "".
        duration_s: of the signal.
        blocks: starts reading the signal: float32 `[time]` each, without its constant offset. Raises an `AudioError`
            after the last block where the signal was silent.
    """

    speaker: str
    duration_s: float
    blocks: Callable[[], Iterator[Float32[np.ndarray, " time"]]]


class _Signal(NamedTuple):
    """How a mono signal is made from a sound."""

    rate_hz: int
    samples: int
    channels: list[int | None]  # of each stream the channel that is taken; None for the mean of all
    offset: float


class _Survey(NamedTuple):
    """What the first pass found in one stream of a sound."""

    samples: int
    sums: list[float]  # of each channel, then of their mean
    loudest: int | None  # channel to be taken where channels cancel each other


Streams = Callable[[], Iterable[Blocks]]


@contextlib.contextmanager
def opened(
    source: io.Source, sample_rate_hz: int, limits: AudioLimits = _LIMITS, separate: bool = False
) -> Iterator[list[Track]]:
    """The tracks of a recording, readable while the context is open.

    Args:
        source: as for `audio.io.read`.
        sample_rate_hz: of the blocks.
        limits: on the sound.
        separate: gives each channel as a track of its own; else there is one, as `audio.io.read` mixes it.

    Raises:
        AudioError: as `audio.io.read`, silence excepted.
    """
    name = io.name_of(source)
    with contextlib.ExitStack() as stack:
        if isinstance(source, tuple):
            given, rate = np.asarray(source[0]), source[1]

            def streams() -> Iterable[Blocks]:
                return [decoded.of_array(given, rate, name, limits)]

        else:
            with io.one_error(name):
                file = stack.enter_context(io.opened(source, limits))

            def streams() -> Iterable[Blocks]:
                return decoded.of_file(file, name, limits)

        with io.one_error(name):
            signals = _signals(streams, name, limits, separate)
        yield [
            Track(
                f"channel {i + 1}" if separate else "",
                signal.samples / signal.rate_hz,
                functools.partial(_blocks, streams, signal, sample_rate_hz, name, limits),
            )
            for i, signal in enumerate(signals)
        ]


def _signals(streams: Streams, name: str, limits: AudioLimits, separate: bool) -> list[_Signal]:
    """The mono signals of a sound, from a pass over it."""
    rate_hz = 0
    surveys: list[_Survey] = []
    for stream in streams():
        check_same_rate(rate_hz, stream.rate_hz, name)
        rate_hz = stream.rate_hz
        longest = limits.max_duration_s * rate_hz - sum(one.samples for one in surveys)
        surveys.append(_survey(stream, longest, name, limits))
    samples = sum(one.samples for one in surveys)
    check_long_enough(samples, rate_hz, name)
    if not separate:
        cancelled = any(one.loudest is not None for one in surveys)
        return [_signal(rate_hz, surveys, [one.loudest if cancelled else None for one in surveys])]
    counts = {len(one.sums) - 1 for one in surveys}
    if len(counts) > 1:
        found = " and ".join(map(str, sorted(counts)))
        raise AudioError(mismatch(name, "one number of channels", found, "cut it into files of one kind"))
    return [_signal(rate_hz, surveys, [channel] * len(surveys)) for channel in range(counts.pop())]


def _survey(stream: Blocks, longest: float, name: str, limits: AudioLimits) -> _Survey:
    """What a stream holds; `longest` is its greatest number of samples."""
    samples, sums, powers = 0, np.zeros(stream.channels + 1), Powers(stream.channels)
    for block in stream.blocks:
        check_values(block, name, limits)
        mono = block.mean(axis=1, dtype=np.float32)
        powers.add(block, mono)
        samples += len(block)
        if samples > longest:
            expected = f"at most {limits.max_duration_s / 60:g} minutes"
            raise AudioError(mismatch(name, expected, "more", "cut it into parts, or allow more (--max_minutes)"))
        sums += [*block.sum(axis=0, dtype=np.float64), mono.sum(dtype=np.float64)]
    return _Survey(samples, sums.tolist(), powers.cancelled())


def _signal(rate_hz: int, surveys: list[_Survey], channels: list[int | None]) -> _Signal:
    samples = sum(one.samples for one in surveys)
    total = sum(one.sums[-1 if k is None else k] for one, k in zip(surveys, channels, strict=True))
    return _Signal(rate_hz, samples, channels, total / samples)


def _blocks(
    streams: Streams, signal: _Signal, sample_rate_hz: int, name: str, limits: AudioLimits
) -> Iterator[Float32[np.ndarray, " time"]]:
    """The signal at another rate, block by block; an error after the last one where it was silent."""
    resampler = soxr.ResampleStream(signal.rate_hz, sample_rate_hz, 1, dtype="float32")
    same = signal.rate_hz == sample_rate_hz
    loud_s, rest = 0.0, np.zeros(0, np.float32)  # the end of a block may hold less than a frame
    with io.one_error(name):
        for mono in _mono(streams, signal):
            block = mono if same else resampler.resample_chunk(mono)
            loud_s, rest = _add_sound(loud_s, rest, block, sample_rate_hz)
            if len(block):
                yield block
        if not same and len(block := resampler.resample_chunk(np.zeros(0, np.float32), last=True)):
            loud_s, rest = _add_sound(loud_s, rest, block, sample_rate_hz)
            yield block
        check_sound(loud_s, name)


def _mono(streams: Streams, signal: _Signal) -> Iterator[Float32[np.ndarray, " time"]]:
    """The signal at its own rate, without its constant offset."""
    for stream, channel in zip(streams(), signal.channels, strict=True):
        for block in stream.blocks:
            mono = block.mean(axis=1, dtype=np.float32) if channel is None else block[:, channel]
            yield (mono.astype(np.float64) - signal.offset).astype(np.float32)


def _add_sound(
    loud_s: float, rest: Float32[np.ndarray, " rest"], block: Float32[np.ndarray, " time"], rate_hz: int
) -> tuple[float, Float32[np.ndarray, " rest"]]:
    """Seconds of sound so far, with those of a block, and its samples beyond the last whole frame."""
    both = np.concatenate([rest, block]) if len(rest) else block
    frame = round(FRAME_S * rate_hz)
    whole = len(both) // frame * frame
    return loud_s + sound_s(both[:whole], rate_hz), both[whole:]
