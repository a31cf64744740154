"""Reads common audio files as float32 mono samples at a given rate, or raises one clear error."""

import io
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import numpy as np
from jaxtyping import Float32

from voxjax.audio.decoding import blocks
from voxjax.audio.limits import AudioError, AudioLimits
from voxjax.audio.mixing import MIN_DURATION_S, SILENCE_PEAK, mix
from voxjax.errors import VoxJaxError, mismatch

__all__ = ["MIN_DURATION_S", "SILENCE_PEAK", "AudioError", "AudioLimits", "attempt", "read"]

Source = str | Path | BinaryIO | tuple[np.ndarray, int]
T = TypeVar("T")

_LIMITS = AudioLimits()


def read(source: Source, sample_rate_hz: int, limits: AudioLimits = _LIMITS) -> Float32[np.ndarray, " time"]:
    """Decodes, mixes to mono, removes the constant offset and resamples.

    Training, reports and prediction all read sound here, and so compute on the same samples.

    Args:
        source: a path, a binary file object, or `(samples, rate)` with samples `[time]` or `[time, channels]`,
            float in [-1, 1] or integer at full scale (unsigned ones around their middle). Peaks above full scale
            are kept up to `limits.max_peak`.
        sample_rate_hz: of the result. Resampled with soxr at high quality.
        limits: on duration, rate, channels and bytes.

    Returns:
        float32 `[time]`, full scale 1, mean 0 before resampling. The level is kept. Channels are averaged; where they
        cancel each other (one is the other's negative), it is the loudest channel.

    Raises:
        AudioError: if it is missing, empty, unreadable, cut off, silent, shorter than 0.1 s, beyond the limits, or
            holds values that are not finite or that are integers in floats. That an MP3 without a Xing header or an
            Ogg file was cut off between two frames or pages can't be known.
    """
    name = name_of(source)
    with one_error(name):
        if isinstance(source, tuple):
            given = np.asarray(source[0])
            signal = mix(lambda: [blocks.of_array(given, source[1], name, limits)], name, limits)
        else:
            with opened(source, limits) as file:
                signal = mix(lambda: blocks.of_file(file, name, limits), name, limits)
        return signal.resampled(sample_rate_hz)


@contextmanager
def one_error(name: str) -> Iterator[None]:
    """Turns whatever is raised while a sound is read into an `AudioError`.

    Args:
        name: of the sound, for the message.
    """
    try:
        yield
    except VoxJaxError:
        raise
    except Exception as error:  # libsndfile, soxr and NumPy raise many kinds, and each belongs to this sound alone
        reason = " ".join(str(error).split()) or type(error).__name__
        do = "check that it plays, or convert it to WAV"
        raise AudioError(mismatch(name, "a readable sound file", reason, do)) from error


def attempt(name: str, work: Callable[[], T]) -> T | VoxJaxError:
    """The result of work on one sound, or the error that this sound alone gets, whatever was raised.

    Args:
        name: of the sound, for the message.
        work: what is done.
    """
    try:
        return work()
    except VoxJaxError as error:
        found = error
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        do = "leave it out, or convert it to WAV"
        found = AudioError(mismatch(name, "a sound that can be processed", reason, do))
        found.__cause__ = error
    cause: BaseException | None = found
    while cause is not None:  # an error that is kept must not keep the samples that its functions held
        traceback.clear_frames(cause.__traceback__)
        cause = cause.__cause__ or cause.__context__
    return found


def name_of(source: Any) -> str:
    """The name of a source in messages."""
    if isinstance(source, (str, Path)):
        return str(source)
    return "the samples" if isinstance(source, tuple) else str(source)


@contextmanager
def opened(source: str | Path | BinaryIO, limits: AudioLimits) -> Iterator[BinaryIO]:
    """A seekable binary file; one that the caller opened stays open."""
    if isinstance(source, (str, Path)):
        _check_file(Path(source))
        with open(source, "rb") as file:
            yield file
    elif source.seekable():
        yield source
    else:
        yield io.BytesIO(source.read(limits.max_file_bytes + 1))


def _check_file(path: Path) -> None:
    if not path.is_file():
        found = "a folder" if path.is_dir() else "no such file"
        raise AudioError(mismatch(str(path), "a sound file", found, "check the path"))
    if path.stat().st_size == 0:
        raise AudioError(mismatch(str(path), "a sound file", "an empty file", "copy or record it again"))
