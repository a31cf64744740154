"""Ogg (Vorbis, Opus): chained streams one by one, and damage that decoders would step over in silence."""

import zlib
from typing import NamedTuple

from voxjax.audio.decoding.byte_source import ByteSource, Range, Stream
from voxjax.audio.limits import AudioError
from voxjax.errors import mismatch

SIGNATURE = b"OggS"
_HEADER_BYTES = 27
_FIRST = 0x02  # flag of a logical stream's first page
_CODECS = {b"Speex   ": "Speex", b"\x80theora": "Theora video", b"\x7fFLAC": "FLAC", b"fishead\0": "an Ogg skeleton"}
_REVERSED_BITS = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


class _Page(NamedTuple):
    first: bool
    serial: int
    number: int
    end: int
    whole: bool


def streams(source: ByteSource, start: int, name: str) -> list[Stream]:
    """The links of a chain: each begins with the first pages of its streams.

    Raises:
        AudioError: at a file that was cut off within a page, or has a damaged or missing page.
    """
    starts: list[int] = []
    numbers: dict[int, int] = {}
    position, after_first = start, False
    while (page := _page(source, position)) is not None:
        if page.end > source.size:
            raise _damaged(name, f"one of {source.size - position} bytes in place of {page.end - position}")
        if not page.whole:
            raise _damaged(name, f"a wrong checksum at byte {position}")
        if not page.first and numbers.setdefault(page.serial, page.number - 1) + 1 != page.number:
            raise _damaged(name, f"page {page.number} after page {numbers[page.serial]}")
        if page.first and (after_first or not starts):
            starts.append(position)
        numbers[page.serial] = page.number
        position, after_first = page.end, not page.first
    if source.find(SIGNATURE, position, source.size) >= 0:
        raise _damaged(name, f"other bytes at byte {position}")
    _check_codec(source, name, start)
    return [Stream([Range(*ends)]) for ends in zip(starts or [start], [*starts[1:], position], strict=True)]


def _page(source: ByteSource, start: int) -> _Page | None:
    """The page at `start`, or None where there is none."""
    head = source.at(start, _HEADER_BYTES + 255)
    if not head.startswith(SIGNATURE) or len(head) < _HEADER_BYTES:
        return None
    segments = head[26]
    body = sum(head[_HEADER_BYTES : _HEADER_BYTES + segments])
    end = start + _HEADER_BYTES + segments + body
    serial, number, checksum = (int.from_bytes(head[i : i + 4], "little") for i in (14, 18, 22))
    page = source.at(start, end - start)
    whole = _checksum(page[:22] + bytes(4) + page[26:]) == checksum
    return _Page(bool(head[5] & _FIRST), serial, number, end, whole)


def _checksum(data: bytes) -> int:
    """Ogg's CRC: zlib's with the bits of bytes and result in the other order, from 0 and not inverted."""
    inverted = zlib.crc32(data.translate(_REVERSED_BITS), 0xFFFF_FFFF) ^ 0xFFFF_FFFF
    return int.from_bytes(inverted.to_bytes(4, "little").translate(_REVERSED_BITS))


def _check_codec(source: ByteSource, name: str, start: int) -> None:
    packet = source.at(start + _HEADER_BYTES + 1, 8)
    for signature, codec in _CODECS.items():
        if packet.startswith(signature):
            do = "convert it: ffmpeg -i FILE OUT.wav"
            raise AudioError(mismatch(name, "Ogg with Vorbis or Opus", codec, do))


def _damaged(name: str, found: str) -> AudioError:
    do = "copy or record the file again"
    return AudioError(mismatch(name, "Ogg pages in a row to the end", f"{found}, it was cut off or damaged", do))
