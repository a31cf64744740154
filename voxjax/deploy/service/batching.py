"""What waits at the same time is computed together, by one thread."""

import queue
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Generic, NamedTuple, TypeVar

T = TypeVar("T")
R = TypeVar("R")


class _Waiting(NamedTuple):
    item: object
    future: Future


class Batcher(Generic[T, R]):
    """A thread that takes what waits and computes it in one call.

    Args:
        name: of the thread.
        compute: gives one result for each item, in their order. What it raises is the error of all of them.
        most: items of one call.
        wait_s: for which the first item waits for others.
    """

    def __init__(self, name: str, compute: Callable[[Sequence[T]], Sequence[R]], most: int, wait_s: float) -> None:
        self._compute, self._most, self._wait_s = compute, most, wait_s
        self._queue: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    def submit(self, item: T) -> "Future[R]":
        """The result of an item. One that is cancelled before its turn is not computed."""
        future: Future[R] = Future()
        self._queue.put(_Waiting(item, future))
        return future

    def waiting(self) -> int:
        """Items that nobody computes yet."""
        return self._queue.qsize()

    def is_alive(self) -> bool:
        """Whether items are still computed."""
        return self._thread.is_alive()

    def close(self) -> None:
        """Ends the thread after what waits; waits for it a moment."""
        self._queue.put(None)
        self._thread.join(timeout=5.0)

    def _work(self) -> None:
        while (first := self._queue.get()) is not None:
            batch, last = self._batch(first)
            del first
            wanted = [one for one in batch if one.future.set_running_or_notify_cancel()]
            del batch
            if wanted:
                self._answer(wanted)
            del wanted  # sound is not held while the next items are awaited
            if last:
                return

    def _batch(self, first: _Waiting) -> tuple[list[_Waiting], bool]:
        """What is computed together, and whether the thread ends then."""
        batch, end_s = [first], time.monotonic() + self._wait_s
        while len(batch) < self._most:
            try:
                one = self._queue.get(timeout=max(0.0, end_s - time.monotonic()))
            except queue.Empty:
                break
            if one is None:
                return batch, True
            batch.append(one)
        return batch, False

    def _answer(self, batch: Sequence[_Waiting]) -> None:
        try:
            results = self._compute([one.item for one in batch])  # type: ignore[misc]
            for one, result in zip(batch, results, strict=True):
                one.future.set_result(result)
        except BaseException as error:
            for one in batch:
                if not one.future.done():
                    one.future.set_exception(error)
