"""Work on the clips of a corpus in several threads, with few results in memory."""

import collections
import itertools
import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")

_THREADS = min(8, os.cpu_count() or 1)  # each may hold a clip of hours


def in_order(work: Callable[[int], T], count: int) -> Iterator[T]:
    """`work(0)`, `work(1)`, … up to `count`, in their order; at most two per thread are begun and not yet taken."""
    pending: collections.deque[Future[T]] = collections.deque()
    numbers = iter(range(count))
    with ThreadPoolExecutor(_THREADS) as pool:
        pending.extend(pool.submit(work, i) for i in itertools.islice(numbers, 2 * _THREADS))
        while pending:
            result = pending.popleft().result()
            pending.extend(pool.submit(work, i) for i in itertools.islice(numbers, 1))
            yield result
            del result
