"""MPEG-4 and QuickTime: the number of samples that a file's index declares, before FFmpeg takes memory for each.

A box of a few bytes may declare billions of encoded samples of one size; FFmpeg then holds 24 bytes for each.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from voxjax.audio.decoding.byte_source import ByteSource
from voxjax.audio.limits import AudioError
from voxjax.errors import mismatch

MOST_ENTRIES = 4_000_000  # 96 MB; four hours of video and sound have half of them
_MOST_BOXES = 200_000  # four hours in fragments of half a second have less
_MOST_DEEP = 12
_TABLE_BYTES = 2**26  # read of one table
_PARENTS = (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"edts", b"moof", b"traf", b"free", b"hoov")
_PER_SAMPLE = 0xF00  # flags of a fragment whose samples have fields of their own
_CHUNK_SAMPLES = 1_024  # of uncompressed sound: FFmpeg's entry


class _Box(NamedTuple):
    name: bytes
    start: int  # of its content
    end: int


class _Track:
    """What one track's tables declare."""

    def __init__(self) -> None:
        self.samples, self.chunks, self.edits = 0, 0, 1
        self.runs = np.empty((0, 3), np.int64)  # first chunk, samples in each, kind
        self.whole = False  # one duration of 1: uncompressed sound, read by chunks

    def entries(self) -> int:
        """Entries of the index that FFmpeg makes."""
        if not self.whole:
            return self.samples * self.edits
        last = np.append(self.runs[1:, 0], self.chunks + 1)
        chunks = np.clip(last - self.runs[:, 0], 0, self.chunks)
        return int((chunks * (self.runs[:, 1] // _CHUNK_SAMPLES + 1)).astype(float).sum()) * self.edits


def check(source: ByteSource, start: int, name: str) -> None:
    """Checks the numbers of samples that a file declares.

    Raises:
        AudioError: where they are more than four hours of sound and video have, and at an index that is compressed.
    """
    tracks = [_Track()]  # the first holds what fragments declare
    for count, box in enumerate(_boxes(source, start, source.size, 0)):
        if count > _MOST_BOXES:
            raise _absurd(name, f"more than {_MOST_BOXES} boxes")
        if box.name == b"cmov":
            raise _absurd(name, "a compressed one")
        if box.name == b"trak":
            tracks.append(_Track())
        elif box.name == b"trun":
            head = source.at(box.start, 8)
            tracks[0].samples += 0 if int.from_bytes(head[:4]) & _PER_SAMPLE else int.from_bytes(head[4:])
        else:
            _take(tracks[-1], source, box)
    entries = sum(track.entries() for track in tracks)
    if entries > MOST_ENTRIES:
        raise _absurd(name, f"{entries} entries")


def _take(track: _Track, source: ByteSource, box: _Box) -> None:
    """What a table of a track declares."""
    head = source.at(box.start, 16)
    first, second, third = (int.from_bytes(head[place : place + 4]) for place in (4, 8, 12))
    if box.name == b"stsz":
        explicit = max(0, box.end - box.start - 12) // 4
        track.samples += second if first else min(second, explicit)
    elif box.name == b"stz2":
        track.samples += min(second, 2 * (box.end - box.start))
    elif box.name in (b"stco", b"co64"):
        track.chunks += min(first, (box.end - box.start) // 4)
    elif box.name == b"elst":
        track.edits = max(track.edits, min(first, (box.end - box.start) // 12))
    elif box.name == b"stts":
        track.whole = (first, third) == (1, 1)
    elif box.name == b"stsc":
        table = source.at(box.start + 8, min(box.end - box.start - 8, _TABLE_BYTES))
        track.runs = np.frombuffer(table[: len(table) // 12 * 12], ">u4").reshape(-1, 3).astype(np.int64)[:first]


def _boxes(source: ByteSource, start: int, end: int, depth: int) -> Iterator[_Box]:
    """Boxes and those in them, a parent first."""
    while end - start >= 8 and depth < _MOST_DEEP:
        head = source.at(start, 16)
        size, begin = int.from_bytes(head[:4]), start + 8
        if size == 1:
            size, begin = int.from_bytes(head[8:]), start + 16
        stop = end if size == 0 else min(end, start + size)
        if stop < begin:
            return
        box = _Box(head[4:8], begin, stop)
        yield box
        if box.name in _PARENTS:
            yield from _boxes(source, begin, stop, depth + 1)
        start = stop


def _absurd(name: str, found: str) -> AudioError:
    expected = f"an MPEG-4 file with an index of at most {MOST_ENTRIES} entries"
    return AudioError(mismatch(name, expected, found, "convert it: ffmpeg -i FILE OUT.wav"))
