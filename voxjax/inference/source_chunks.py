"""Sources that are read in several threads and answered in chunks, bounded by the sound that they hold."""

import collections
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeVar

import numpy as np

_MOST = 64  # sources in a chunk
_DURATION_S = 3_600.0  # of a chunk: 0.2 GB at 16 kHz
_THREADS = min(4, os.cpu_count() or 1)  # each may hold a sound of hours
_BYTES_PER_S = 8_000  # of an encoded file, where it is not read yet: speech of good quality


class Read(Protocol):
    """What was read from a source."""

    @property
    def duration_s(self) -> float:
        """Seconds of sound that it holds."""


R = TypeVar("R", bound=Read)


class _Pending(NamedTuple):
    source: Any
    estimated_s: float
    future: Future[Any]

    @property
    def duration_s(self) -> float:
        """Seconds of sound: the true number once the source is read."""
        return self.future.result().duration_s if self.future.done() else self.estimated_s


def read_in_chunks(
    pairs: Iterable[tuple[Any, Any]], read: Callable[[tuple[Any, Any]], R]
) -> Iterator[list[tuple[Any, R]]]:
    """Reads sources ahead, in their order.

    A chunk ends with the source by which it holds 64 of them or an hour of sound, so the same sources always make the
    same chunks.

    Args:
        pairs: sources with what belongs to them, consumed as needed.
        read: reads one of them; runs in threads and raises nothing.

    Yields:
        Sources with what was read. The caller empties the list when it is done: sound in it is still held.
    """
    waiting = iter(pairs)
    pending: collections.deque[_Pending] = collections.deque()
    chunk: list[tuple[Any, R]] = []
    held_s = 0.0
    with ThreadPoolExecutor(_THREADS) as pool:
        while True:
            while len(pending) < _THREADS and len(chunk) + len(pending) < _MOST:
                full = held_s + sum(one.duration_s for one in pending) >= _DURATION_S
                pair = None if full and pending else next(waiting, None)
                if pair is None:
                    break
                pending.append(_Pending(pair[0], _estimated_duration_s(pair[0]), pool.submit(read, pair)))
            if not pending:
                break
            first = pending.popleft()
            chunk.append((first.source, first.future.result()))
            held_s += chunk[-1][1].duration_s
            del first
            if len(chunk) == _MOST or held_s >= _DURATION_S:
                yield chunk
                chunk, held_s = [], 0.0
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
        return _DURATION_S  # an open file: its reader may move in it now
    except Exception:
        return 0.0
