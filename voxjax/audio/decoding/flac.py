"""FLAC: one or more streams in a file, each read until its content ends.

The header's number of samples is 0 where an encoder wrote into a pipe, and may be wrong. libsndfile reads until the
content ends where it is 0, so it is always given 0; the header's own number is then the fewest samples expected.
"""

from collections.abc import Iterator

from voxjax.audio.decoding.byte_source import ByteSource, Range, Stream
from voxjax.audio.decoding.tags import end_of_sound

SIGNATURE = b"fLaC"
_INFO_BYTES = 34  # of the block STREAMINFO, which comes first
_COUNT_AT = 21  # place of the 36 bits of the number of samples: 4 bits, then 4 bytes


def streams(source: ByteSource, start: int, name: str) -> list[Stream]:
    """The FLAC streams from `start` on, in their order."""
    starts = list(_starts(source, start))
    ends = [*starts[1:], source.size]
    return [_stream(source, begin, end_of_sound(source, begin, end)) for begin, end in zip(starts, ends, strict=True)]


def _stream(source: ByteSource, start: int, end: int) -> Stream:
    head = source.at(start, _COUNT_AT + 5)
    if len(head) < _COUNT_AT + 5:
        return Stream([Range(start, end)])
    samples = int.from_bytes(head[_COUNT_AT:]) & 0xF_FFFF_FFFF
    unknown = bytes([head[_COUNT_AT] & 0xF0]) + bytes(4)
    return Stream([head[:_COUNT_AT] + unknown, Range(start + len(head), end)], samples)


def _starts(source: ByteSource, start: int) -> Iterator[int]:
    """Places of the headers of streams; the first is `start`."""
    yield start
    found = source.find(SIGNATURE, start + 4, source.size)
    while found >= 0:
        block = source.at(found + 4, 4)
        if block[:1] in (b"\x00", b"\x80") and int.from_bytes(block[1:]) == _INFO_BYTES:
            yield found
        found = source.find(SIGNATURE, found + 4, source.size)
