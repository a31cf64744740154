"""Progress of long work on standard error: a bar on a terminal, single lines in a file or a pipe."""

import sys
import threading
import time
from collections.abc import Iterable, Iterator
from typing import Any, Protocol, Self, TypeVar

EVERY_S = 30.0  # between two lines of one stage; a file of a run of a day then has less than 3,000

Item = TypeVar("Item")


class Bar(Protocol):
    """The progress of one stage. A context manager, which ends it."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *failure: Any) -> None: ...

    def update(self, n: int = 1) -> object:
        """Counts what is done since the last call. Threads may call it."""

    def close(self) -> None:
        """Ends the stage. Closing twice is harmless."""


def on_terminal() -> bool:
    """Whether a person follows standard error as it is written."""
    return sys.stderr is not None and sys.stderr.isatty()


def line(text: str) -> None:
    """Writes one line, which can be read at once, in a file too."""
    print(text, file=sys.stderr, flush=True)


def bar(total: int | None, title: str, unit: str, *, brief: bool = False) -> Bar:
    """The progress of a stage.

    Without a terminal it is a line every `EVERY_S` seconds, and one at the end.

    Args:
        total: how much there is to do; None if it is unknown.
        title: of the stage, as "decoding".
        unit: of what is counted, as "clip"; "B" for bytes.
        brief: without a terminal, writes nothing about a stage that ends within `EVERY_S` seconds.
    """
    if on_terminal():
        shown: Bar = _tqdm()(total=total, desc=title, unit=unit, unit_scale=unit == "B")
        return shown
    return Lines(total, title, unit, brief)


class StepBar:
    """A bar on a terminal, of steps, with figures that change as it advances."""

    def __init__(self, total: int, done: int, title: str) -> None:
        """Of `total` steps, of which `done` were taken before."""
        self._bar = _tqdm()(total=total, initial=done, desc=title, unit="step")

    def step(self, **figures: str) -> None:
        """Counts one step."""
        self._bar.update()
        self._bar.set_postfix(figures, refresh=False)

    def line(self, text: str) -> None:
        """Writes a line above the bar."""
        self._bar.write(text, file=sys.stderr)

    def close(self) -> None:
        """Ends the bar. Closing twice is harmless."""
        self._bar.close()


def _tqdm() -> Any:
    """The class of bars, imported here, as a command with short work does not need it."""
    from tqdm import tqdm

    # Its own lock is of `multiprocessing`, which starts a process that complains where a signal ends the command.
    tqdm.set_lock(threading.RLock())
    return tqdm


def over(items: Iterable[Item], total: int, title: str, unit: str) -> Iterator[Item]:
    """The same items, with their progress."""
    with bar(total, title, unit) as stage:
        for item in items:
            yield item
            stage.update()


class Lines:
    """The progress of a stage as lines."""

    def __init__(self, total: int | None, title: str, unit: str, brief: bool) -> None:
        """As `bar`."""
        self._total, self._title, self._unit, self._brief = total, title, unit, brief
        self._done, self._closed, self._lock = 0, False, threading.Lock()
        self._started = self._written = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *failure: Any) -> None:
        if failure and failure[0] is not None:
            self._closed = True  # the error says what happened
        self.close()

    def update(self, n: int = 1) -> None:
        """As `Bar.update`."""
        with self._lock:
            self._done += n
            now = time.monotonic()
            if now - self._written >= EVERY_S and self._done != self._total:
                self._written = now
                self._write(now - self._started)

    def close(self) -> None:
        """As `Bar.close`."""
        if self._closed:
            return
        self._closed = True
        seconds = time.monotonic() - self._started
        if not self._brief or self._written > self._started:
            line(f"{self._title}: {_amount(self._done, self._unit)} in {clock(seconds)}")

    def _write(self, seconds: float) -> None:
        if not self._total:
            line(f"{self._title}: {_amount(self._done, self._unit)} in {clock(seconds)}")
            return
        left = seconds / max(self._done, 1) * (self._total - self._done)
        done = _amount(self._done, self._unit).split(" ")[0]
        line(f"{self._title}: {done} of {_amount(self._total, self._unit)}, about {clock(left)} left")


def clock(seconds: float) -> str:
    """A duration as hours, minutes and seconds: `0:05`, `1:02:03`."""
    whole = round(seconds)
    minutes = f"{whole // 60 % 60}:{whole % 60:02}"
    return f"{whole // 3600}:{minutes:0>5}" if whole >= 3600 else minutes


def _amount(count: int, unit: str) -> str:
    """A count with its unit: `1 clip`, `1,440 clips`, `12 MB`."""
    if unit == "B":
        return f"{count / 1e6:,.0f} MB"
    return f"{count:,} {unit}{'' if count == 1 else 's'}"
