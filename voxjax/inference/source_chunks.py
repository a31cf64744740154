"""Sources in chunks that are read and answered together, bounded by the sound that they may hold."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

T = TypeVar("T")

_MOST = 64  # sources in a chunk
_DURATION_S = 3_600.0  # of a chunk: 0.2 GB at 16 kHz
_BYTES_PER_S = 8_000  # of an encoded file, if it is speech of good quality; WAV and FLAC have more


def chunks(pairs: Iterable[tuple[Any, T]]) -> Iterator[list[tuple[Any, T]]]:
    """Groups sources with what belongs to them, in their order.

    A chunk ends with the source by which it holds 64 of them or an hour of sound. The duration of a file is estimated
    from its size, as a header may be wrong; so the same sources always make the same chunks.

    Args:
        pairs: consumed as needed.
    """
    chunk: list[tuple[Any, T]] = []
    duration_s = 0.0
    for pair in pairs:
        chunk.append(pair)
        duration_s += _estimated_duration_s(pair[0])
        if len(chunk) == _MOST or duration_s >= _DURATION_S:
            yield chunk
            chunk, duration_s = [], 0.0
    if chunk:
        yield chunk


def _estimated_duration_s(source: Any) -> float:
    """Seconds of sound in a source; 0 where it can't be read, which its reader reports."""
    try:
        if source is None:
            return 0.0
        if isinstance(source, (str, Path)):
            return os.stat(source).st_size / _BYTES_PER_S
        if isinstance(source, tuple):
            return float(np.shape(source[0])[0] / source[1])
        if not source.seekable():
            return _DURATION_S
        position = source.tell()
        size = source.seek(0, os.SEEK_END)
        source.seek(position)
        return float(size / _BYTES_PER_S)
    except Exception:
        return 0.0
