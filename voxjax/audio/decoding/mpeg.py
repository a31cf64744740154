"""MPEG audio (MP3, MP2): its frames one by one, as a file without an index does not state its length.

libsndfile stops at the number of frames that the Xing header states, and without one at an estimate from the first
frame. A stream whose header is missing or wrong is given one with the number of frames that were found.
"""

from collections.abc import Iterator
from typing import NamedTuple

from voxjax.audio.decoding.byte_source import ByteSource, Range, Stream
from voxjax.audio.decoding.tags import id3v2_size
from voxjax.audio.limits import AudioError
from voxjax.errors import mismatch

_RATES_HZ = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}  # by version bits
_KBPS = {  # by (MPEG 1, layer)
    (True, 1): (0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (True, 2): (0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 3): (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 1): (0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, 2): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (False, 3): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_SYNC = 0x7FF  # the first 11 bits of a frame
_BITRATE_BITS = 0xF000
_XING_BITRATE = 9  # its frame is large enough for the header at every rate
_SEARCH_BYTES = 2**16  # before the first frame
_RUN = 3  # frames in a row by which a stream is recognised
_TAGS = (b"TAG", b"APE", b"ID3")  # what follows the last frame in some files
_READ_BYTES = 2**16
_LOST_FRAMES = 4  # the first of a stream may need bits of frames that were cut away


class Frame(NamedTuple):
    """The header of a frame."""

    word: int
    version: int
    layer: int
    rate_hz: int
    mono: bool
    size: int  # in bytes

    @property
    def samples(self) -> int:
        """Samples per channel."""
        if self.layer == 1:
            return 384
        return 1_152 if self.layer == 2 or self.version == 3 else 576

    @property
    def kind(self) -> tuple[int, int, int, bool]:
        """What is the same in all frames of a stream."""
        return self.version, self.layer, self.rate_hz, self.mono


class _Segment:
    """Frames of one encoder's run."""

    def __init__(self, first: Frame, stated: int | None) -> None:
        self.first = first
        self.stated = stated  # frames, by the Xing header
        self.header: Range | None = None  # the frame that holds the Xing header
        self.ranges: list[Range] = []
        self.frames = 0

    def add(self, start: int, end: int) -> None:
        """Adds the frame at `[start, end)`."""
        self.frames += 1
        if self.ranges and self.ranges[-1].end == start:
            self.ranges[-1] = Range(self.ranges[-1].start, end)
        else:
            self.ranges.append(Range(start, end))


def find(source: ByteSource, start: int) -> int:
    """The place of the first of several frames in a row, or -1 where there are none near `start`."""
    end = min(source.size, start + _SEARCH_BYTES)
    return _resync(_Reader(source), start, end, source.size)


def streams(source: ByteSource, start: int, end: int, name: str) -> list[Stream]:
    """The streams in `[start, end)`; a Xing header or another kind of frame begins a new one.

    Raises:
        AudioError: at a stream with fewer frames than its header states.
    """
    word = int.from_bytes(source.at(start, 4))
    if word >> 21 == _SYNC and not word & _BITRATE_BITS:  # free format: the size of a frame is not in its header
        return [Stream([Range(start, end)])]
    found = [_stream(segment, name) for segment in _segments(source, start, end)]
    if not found:
        raise AudioError(mismatch(name, "MPEG audio", "no whole frame of it", "copy or record the file again"))
    return found


def _segments(source: ByteSource, start: int, end: int) -> list[_Segment]:
    found: list[_Segment] = []
    reader = _Reader(source)
    for place, frame in _frames(reader, start, end):
        stated = _xing(reader.at(place, min(frame.size, 256)), frame)
        if not found or stated is not None or frame.kind != found[-1].first.kind:
            found.append(_Segment(frame, stated))
        if stated is not None:
            found[-1].header = Range(place, place + frame.size)
        else:
            found[-1].add(place, place + frame.size)
    return [segment for segment in found if segment.frames]


def _stream(segment: _Segment, name: str) -> Stream:
    if segment.stated and segment.frames < segment.stated - 1:  # some encoders count the header's own frame
        found = f"{segment.frames} of them, it was cut off"
        raise AudioError(mismatch(name, f"{segment.stated} frames", found, "copy or record the file again"))
    fewest = max(0, segment.frames - _LOST_FRAMES) * segment.first.samples
    if segment.header and segment.stated in (segment.frames, segment.frames + 1):
        return Stream([segment.header, *segment.ranges], fewest)
    if segment.first.layer != 3:
        return Stream(segment.ranges, fewest)
    return Stream([_xing_frame(segment.first, segment.frames), *segment.ranges], fewest)


def _frames(reader: "_Reader", start: int, end: int) -> Iterator[tuple[int, Frame]]:
    """Whole frames and their places; bytes between them, such as tags, are left out."""
    position, kind = start, None
    while position + 4 <= end:
        frame = _frame(reader.at(position, 4))
        if frame is None or (kind != frame.kind and not _run(reader, position, end)):
            position = _resync(reader, position + id3v2_size(reader.at(position, 10)), end, end)
            if position < 0:
                return
            continue
        if position + frame.size > end:
            return
        kind = frame.kind
        yield position, frame
        position += frame.size


def _resync(reader: "_Reader", start: int, end: int, last: int) -> int:
    """The first place in `[start, end)` where frames follow one another, up to `last`; or -1."""
    while (start := reader.source.find(b"\xff", start, end)) >= 0:
        if _run(reader, start, last):
            return start
        start += 1
    return -1


def _run(reader: "_Reader", start: int, end: int) -> bool:
    """Whether several frames of one kind follow one another from `start`, or fewer up to the end or a tag."""
    kind = None
    for count in range(_RUN):
        if count and (start >= end or reader.at(start, 3) in _TAGS):
            return True
        frame = _frame(reader.at(start, 4))
        if frame is None or kind not in (None, frame.kind):
            return False
        kind, start = frame.kind, start + frame.size
    return True


def _frame(head: bytes) -> Frame | None:
    """The frame with this header of 4 bytes, or None."""
    word = int.from_bytes(head)
    version, layer_bits, bitrate, rate = word >> 19 & 3, word >> 17 & 3, word >> 12 & 15, word >> 10 & 3
    if len(head) < 4 or word >> 21 != _SYNC or version == 1 or layer_bits == 0 or bitrate in (0, 15) or rate == 3:
        return None
    layer, rate_hz, padding = 4 - layer_bits, _RATES_HZ[version][rate], word >> 9 & 1
    bits_per_s = 1_000 * _KBPS[version == 3, layer][bitrate]
    if layer == 1:
        size = (12 * bits_per_s // rate_hz + padding) * 4
    else:
        size = (144 if layer == 2 or version == 3 else 72) * bits_per_s // rate_hz + padding
    return Frame(word, version, layer, rate_hz, word >> 6 & 3 == 3, size)


def _xing_place(frame: Frame) -> int:
    side_info = (17 if frame.mono else 32) if frame.version == 3 else (9 if frame.mono else 17)
    return 4 + side_info


def _xing(data: bytes, frame: Frame) -> int | None:
    """The number of frames by a Xing header in this frame, 0 where it has no number; None without a header."""
    place = _xing_place(frame)
    if frame.layer != 3 or data[place : place + 4] not in (b"Xing", b"Info"):
        return None
    has_frames = int.from_bytes(data[place + 4 : place + 8]) & 1
    return int.from_bytes(data[place + 8 : place + 12]) if has_frames else 0


def _xing_frame(first: Frame, frames: int) -> bytes:
    """A frame that holds a Xing header with this number of frames."""
    word = first.word & ~0xF200 | _XING_BITRATE << 12 | 1 << 16  # no padding, no checksum
    head = word.to_bytes(4)
    frame = _frame(head)
    assert frame is not None
    xing = b"Xing" + (1).to_bytes(4) + frames.to_bytes(4)
    data = head + bytes(_xing_place(frame) - 4) + xing
    return data + bytes(frame.size - len(data))


class _Reader:
    """Short reads from a file, through a buffer."""

    def __init__(self, source: ByteSource) -> None:
        self.source = source
        self._start, self._data = 0, b""

    def at(self, start: int, count: int) -> bytes:
        """At most `count` bytes from `start`."""
        if not self._start <= start <= start + count <= self._start + len(self._data):
            self._start, self._data = start, self.source.at(start, max(count, _READ_BYTES))
        begin = start - self._start
        return self._data[begin : begin + count]
