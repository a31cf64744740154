"""Work on many items in a child process that is watched: signals, errors, time and memory of each item."""

import json
import os
import resource
import selectors
import signal
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from voxjax.errors import VoxJaxError

MOST_S = 5.0  # an item may take: of processors, or of time where several work
MOST_BYTES = 2**30  # the whole process may hold
_HANG_S = 90.0  # of wall time, after which a child is killed: with other programs running an item waits, too
_MOST_LISTED = 20  # faults with their messages
_ADDRESS_BYTES = 12 * 2**30  # so that one item can't exhaust the machine
_ITEMS_A_CHILD = 2_000
_LEFT_BYTES = 7 * MOST_BYTES // 8  # held after an item, from which on a new child goes on

ANSWERED, REFUSED = "answered", "refused"
FAULTS = ("signals", "other_exceptions", "several_lines", "not_finite", "wrong", "over_5_s", "over_1_gb")


class WrongResultError(Exception):
    """What an item's work must not give; the first argument is one of `FAULTS`."""


class Outcome(NamedTuple):
    """How one item ended: `ANSWERED`, `REFUSED` or a fault, its message, and what it took."""

    item: int
    end: str
    message: str
    seconds: float
    peak_bytes: int


def measured(
    work: Callable[[int], None],
    count: int,
    on_fault: Callable[[Outcome], None],
    prepare: Callable[[], None] = lambda: None,
) -> dict[str, Any]:
    """Counts of how items ended, 0 for each fault that did not occur.

    Args:
        work: on the item of this number; raises `VoxJaxError` to refuse it, `WrongResultError` at a wrong result.
        count: of items, from 0.
        on_fault: is given each outcome that is a fault.
        prepare: is called in each child before its first item, and not counted.
    """
    ends, longest_s, most_bytes, faults = Counter[str](), 0.0, 0, list[Outcome]()
    for outcome in outcomes(work, count, prepare):
        ends[outcome.end] += 1
        longest_s, most_bytes = max(longest_s, outcome.seconds), max(most_bytes, outcome.peak_bytes)
        if outcome.end in FAULTS:
            on_fault(outcome)
            faults.append(outcome)
    return {
        "n": count,
        **{end: ends[end] for end in (ANSWERED, REFUSED, *FAULTS)},
        "longest_s": round(longest_s, 2),
        "most_memory_mb": round(most_bytes / 2**20),
        "faults": [f"{one.item} {one.end}: {one.message}" for one in faults[:_MOST_LISTED]],
    }


def outcomes(work: Callable[[int], None], count: int, prepare: Callable[[], None]) -> Iterator[Outcome]:
    """How each item ended; a child that dies or hangs is followed by another one."""
    item = 0
    while item < count:
        last = min(count, item + _ITEMS_A_CHILD)
        for outcome in _of_child(work, item, last, prepare):
            yield outcome
            item = outcome.item + 1


def in_child(work: Callable[[], None]) -> None:
    """Does work in a child process, so that this one starts no threads of JAX: it could not be forked then.

    Raises:
        RuntimeError: if the work fails.
    """
    if (child := _forked()) == 0:
        code = 1
        try:
            work()
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    if os.waitpid(child, 0)[1]:
        raise RuntimeError("the work of a child process failed")


def _forked() -> int:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # JAX warns of its threads, which start in children alone
        return os.fork()


def _of_child(work: Callable[[int], None], first: int, last: int, prepare: Callable[[], None]) -> Iterator[Outcome]:
    """Outcomes of one child, up to the last item or to that at which it died."""
    ours, theirs = os.pipe()
    child = _forked()
    if child == 0:
        os.close(ours)
        _run(work, first, last, theirs, prepare)
    os.close(theirs)
    done, hung = first, False
    with open(ours, "rb", buffering=0) as pipe, selectors.DefaultSelector() as selector:
        selector.register(pipe, selectors.EVENT_READ)
        if not pipe.readline():
            os.waitpid(child, 0)
            raise RuntimeError("a child process could not be prepared")
        while not (hung := not selector.select(_HANG_S)) and (line := pipe.readline()):
            outcome = Outcome(*json.loads(line))
            yield outcome
            done = outcome.item + 1
    if hung:
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if hung:
        yield Outcome(done, "over_5_s", "no end", _HANG_S, 0)
    elif status:
        code = os.waitstatus_to_exitcode(status)
        yield Outcome(done, "signals", signal.Signals(-code).name if code < 0 else f"exit code {code}", 0.0, 0)


def _run(work: Callable[[int], None], first: int, last: int, pipe: int, prepare: Callable[[], None]) -> None:
    """The child: writes a line for each item, and ends early after an item that left too much memory behind."""
    code = 1
    try:
        resource.setrlimit(resource.RLIMIT_AS, (_ADDRESS_BYTES, _ADDRESS_BYTES))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # libsndfile's MP3 reader prints what it finds
        prepare()
        os.write(pipe, b"\n")
        for item in range(first, last):
            outcome = _outcome(work, item)
            os.write(pipe, json.dumps(outcome).encode() + b"\n")
            if _memory("VmRSS") > _LEFT_BYTES:
                break
        code = 0
    finally:
        os._exit(code)


def _outcome(work: Callable[[int], None], item: int) -> Outcome:
    _forget_peak()
    began = time.process_time(), time.monotonic()
    try:
        work(item)
        end, message = ANSWERED, ""
    except VoxJaxError as error:
        end, message = ("several_lines" if "\n" in str(error) else REFUSED), str(error)
        if _wanted_too_much(error):
            end = "over_1_gb"
    except WrongResultError as error:
        end, message = error.args[0], str(error.args[1:])
    except Exception as error:
        at = traceback.extract_tb(error.__traceback__)[-1]
        end, message = "other_exceptions", f"{type(error).__name__} {error} ({at.filename}:{at.lineno})"
    seconds, peak = min(time.process_time() - began[0], time.monotonic() - began[1]), _memory("VmHWM")
    if end in (ANSWERED, REFUSED):
        end = "over_1_gb" if peak > MOST_BYTES else "over_5_s" if seconds > MOST_S else end
    return Outcome(item, end, message[:400], seconds, peak)


def _wanted_too_much(error: BaseException | None) -> bool:
    """Whether an error comes of memory that was asked for and not there; FFmpeg's own limit has a number."""
    while error is not None and not (isinstance(error, MemoryError) and getattr(error, "errno", None) is None):
        error = error.__cause__ or error.__context__
    return error is not None


def _memory(name: str) -> int:
    """What Linux says of this process in bytes: `VmRSS` now, `VmHWM` at most since `_forget_peak`."""
    lines = Path("/proc/self/status").read_text("utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name)) * 1024


def _forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5", "utf-8")
