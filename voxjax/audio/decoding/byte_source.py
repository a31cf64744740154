"""Bytes of a file at any place, and parts of it joined to a file that libsndfile reads."""

import io
import os
from collections.abc import Sequence
from typing import BinaryIO, NamedTuple

_CHUNK_BYTES = 2**20  # searched at once


class ByteSource:
    """A seekable binary file, read at given places.

    Args:
        file: open for reading; its position is not kept.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.size = file.seek(0, os.SEEK_END)

    def at(self, start: int, count: int) -> bytes:
        """At most `count` bytes from `start`; fewer at the end of the file."""
        if start >= self.size or count <= 0:
            return b""
        self._file.seek(start)
        return self._file.read(count)

    def find(self, pattern: bytes, start: int, end: int) -> int:
        """The first place in `[start, end)` at which a short pattern lies whole, or -1."""
        while start < end:
            chunk = self.at(start, min(_CHUNK_BYTES, end - start))
            found = chunk.find(pattern)
            if found >= 0:
                return start + found
            if start + len(chunk) >= end or len(chunk) < len(pattern):
                return -1
            start += len(chunk) - len(pattern) + 1
        return -1


class Range(NamedTuple):
    """Bytes `[start, end)` of the file."""

    start: int
    end: int


Part = bytes | Range


class Stream(NamedTuple):
    """One encoded stream of a file: what libsndfile is given, and how many samples per channel it must yield."""

    parts: Sequence[Part]
    fewest: int = 0  # fewer mean that the stream was cut off or is damaged
    most: int | None = None  # what follows is not sound


class SplicedFile(io.RawIOBase):
    """Parts of a file, and bytes in place of others, as one seekable file.

    libsndfile calls it back and can't take exceptions: a failed read ends the file and is kept in `error`.
    """

    def __init__(self, source: ByteSource, parts: Sequence[Part]) -> None:
        self._source = source
        self._parts = parts
        self._lengths = [_length(part) for part in parts]
        self._size = sum(self._lengths)
        self._position = 0
        self.error: OSError | None = None

    def __repr__(self) -> str:
        return "the file"  # in messages of libsndfile

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Moves; a place outside the file is moved to its nearest end."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        self._position = min(max(0, base + offset), self._size)
        return self._position

    def read(self, size: int = -1) -> bytes:
        """At most `size` bytes; all that follow for -1."""
        wanted = self._size - self._position if size < 0 else size
        found = []
        begin = 0
        for part, length in zip(self._parts, self._lengths, strict=True):
            skip = self._position - begin
            if wanted > 0 and skip < length:
                data = self._read_part(part, skip, min(wanted, length - skip))
                found.append(data)
                self._position += len(data)
                wanted -= len(data)
            begin += length
        return b"".join(found)

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def _read_part(self, part: Part, skip: int, count: int) -> bytes:
        if isinstance(part, bytes):
            return part[skip : skip + count]
        try:
            return self._source.at(part.start + skip, count)
        except OSError as error:
            self.error = error
            return b""


def _length(part: Part) -> int:
    return len(part) if isinstance(part, bytes) else part.end - part.start
