"""Blocks of samples of a file or an array, in bounded memory."""

import re
from collections.abc import Iterator
from typing import Any, BinaryIO

import numpy as np
import soundfile

from voxjax.audio.decoding import av_container, containers, signatures, tags
from voxjax.audio.decoding.byte_source import ByteSource, SplicedFile, Stream
from voxjax.audio.decoding.samples import BLOCK_SAMPLES, Blocks, check_format, cut_off, float32
from voxjax.audio.limits import AudioError, AudioLimits
from voxjax.errors import mismatch

__all__ = ["Blocks", "check_format", "of_array", "of_file"]

_COUNTS = 2**48  # libsndfile states more samples than this where it does not know their number
# libsndfile reads a truncated AIFF or AU up to its end, and reports it in its log only
_CUT = re.compile(r"(?:data|SSND|BODY|Data Size)\s*: (\d+) \(should be (\d+)\)")
_UNKNOWN_BYTES = 0x7FFF_0000  # a declared size from here on is a pipe's placeholder
_LONGEST_REPR = 40  # letters of a rate that is none
_SLACK_BYTES = 100  # some writers include the header


class _Sequential(soundfile.SoundFile):
    """A sound file that is read from start to end: seeking after each block fails in some formats."""

    def seekable(self) -> bool:
        return False


def of_file(file: BinaryIO, name: str, limits: AudioLimits) -> Iterator[Blocks]:
    """The blocks of each stream of a binary file.

    Args:
        file: seekable, open for reading.
        name: for messages.
        limits: what exceeds them is refused before it is read.

    Yields:
        One stream after another; each is to be read to its end before the next.

    Raises:
        AudioError: at a file that is not a readable sound, was cut off, or exceeds the limits.
    """
    source = ByteSource(file)
    if source.size > limits.max_file_bytes:
        expected = f"a file of at most {limits.max_file_bytes} bytes"
        raise AudioError(mismatch(name, expected, source.size, "cut it into parts"))
    kind = signatures.find(source, start := tags.start_of_sound(source))
    if kind is not None and kind.demuxer:
        yield from av_container.streams(source, start, kind, name, limits)
        return
    for stream in containers.streams(source, name):
        spliced = SplicedFile(source, stream.parts)
        with _Sequential(spliced) as opened:
            if opened.format == "RAW":
                raise AudioError(mismatch(name, "a file with a header", "samples alone", "convert it to WAV"))
            check_format(opened.samplerate, opened.channels, name, limits)
            yield Blocks(opened.samplerate, opened.channels, _read(opened, stream, name))
        if spliced.error is not None:
            raise spliced.error


def of_array(samples: np.ndarray, rate: Any, name: str, limits: AudioLimits) -> Blocks:
    """The blocks of samples that a caller has: `[time]` or `[time, channels]`, float or integer at full scale.

    Raises:
        AudioError: at other arrays, with what to do.
    """
    integer = np.issubdtype(samples.dtype, np.integer) and samples.dtype.itemsize <= 4
    sound = (integer or np.issubdtype(samples.dtype, np.floating)) and samples.ndim in (1, 2)
    hz = isinstance(rate, (int, float, np.integer, np.floating)) and 0 < rate < np.inf
    if not sound or not hz or 0 in samples.shape[1:]:
        given = " ".join(repr(rate).split())[:_LONGEST_REPR]
        found = f"{samples.dtype} of shape {samples.shape} at {given} Hz"
        expected = "floats or integers of at most 32 bits, [time] or [time, channels], at a rate in Hz"
        raise AudioError(mismatch(name, expected, found, "reshape or convert them and give their rate"))
    if samples.ndim == 2 and samples.shape[1] > samples.shape[0] > 0:
        found = f"shape {samples.shape}"
        raise AudioError(mismatch(name, "samples [time] or [time, channels]", found, "transpose them"))
    columns = samples if samples.ndim == 2 else samples[:, None]
    check_format(int(rate), columns.shape[1], name, limits)
    step = max(1, BLOCK_SAMPLES // columns.shape[1])
    parts = (float32(columns[i : i + step]) for i in range(0, len(columns), step))
    return Blocks(int(rate), columns.shape[1], parts)


def _read(opened: soundfile.SoundFile, stream: Stream, name: str) -> Iterator[np.ndarray]:
    """Blocks until there are no more; then checks that none is missing."""
    count, step = 0, max(1, BLOCK_SAMPLES // opened.channels)
    most = _COUNTS if stream.most is None else stream.most
    while len(block := opened.read(min(step, most - count), dtype="float32", always_2d=True)):
        count += len(block)
        yield block
    known = opened.frames if opened.frames < _COUNTS and opened.format != "MP3" else 0
    expected = min(max(known, stream.fewest), most)
    if count < expected:
        raise cut_off(name, f"{expected} samples", f"{count} of them")
    for declared, there in (map(int, sizes) for sizes in _CUT.findall(opened.extra_info)):
        if there + _SLACK_BYTES < declared < _UNKNOWN_BYTES:
            raise cut_off(name, f"{declared} bytes of sound", f"{there} of them")
