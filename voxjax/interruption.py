"""What Ctrl-C, SIGTERM and SIGHUP do to a command: it says how to go on, and ends with 128 + the signal's number.

A command is ended in the signal's handler, without unwinding, so that nothing can print a stack trace after it: no
destructor, no thread and no exit function. Files are written atomically, so nothing more is to be done for them.
Training defers a signal instead, to save its state. Handlers are installed for commands alone, not where VoxJAX is
imported. This module imports little, as a command runs it first: until then a signal does what it does to Python.
"""

import atexit
import contextlib
import os
import signal
import sys
from collections.abc import Iterator

_NAMES = {"SIGINT": "interrupted", "SIGTERM": "stopped by SIGTERM", "SIGHUP": "stopped by SIGHUP"}
_TEXTS = {getattr(signal, name): text for name, text in _NAMES.items() if hasattr(signal, name)}  # no SIGHUP on Windows

unfinished: set[str] = set()  # temporary files and folders of this process, as signals are the process's


class Stopped(BaseException):
    """A command was asked to stop, and has saved what it can."""

    def __init__(self, number: int, do: str) -> None:
        """By the signal `number`; `do` says how to go on."""
        super().__init__(line(number, do))
        self.exit_code = 128 + number


class _Leave:
    """Ends the process at a signal."""

    def __init__(self, do: str) -> None:
        self.do = do

    def __call__(self, number: int, frame: object) -> None:
        del frame
        _leave(number, self.do)


class Request(_Leave):
    """Notes the first signal, and ends the process at the second."""

    def __init__(self, do: str) -> None:
        super().__init__(do)
        self.number = 0  # of the signal that has come; 0 before
        self.possible = False  # whether signals are deferred at all

    def __call__(self, number: int, frame: object) -> None:
        if self.number:
            super().__call__(number, frame)
        self.number = number


def install() -> None:
    """Installs the handlers for a command. A signal that the process was started to ignore (nohup) stays ignored."""
    for number in _TEXTS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _Leave(""))


@contextlib.contextmanager
def ending_with(do: str) -> Iterator[None]:
    """Adds to the line of a command that is ended meanwhile how to go on."""
    with _handled(_Leave(do)):
        yield


@contextlib.contextmanager
def deferred() -> Iterator[Request]:
    """Defers the first signal: the work inside looks at the request, saves its state, and raises `Stopped`.

    The request says how to go on as the command did before. Where no handlers are installed, as in a notebook, no
    signal is deferred.
    """
    before = (signal.getsignal(number) for number in _TEXTS)
    request = Request(next((old.do for old in before if isinstance(old, _Leave)), ""))
    with _handled(request) as possible:
        request.possible = possible
        yield request


@contextlib.contextmanager
def _handled(handler: _Leave) -> Iterator[bool]:
    """Replaces the handlers of a command for some time; whether there are any."""
    before = {number: signal.getsignal(number) for number in _TEXTS}
    own = {number: old for number, old in before.items() if isinstance(old, _Leave)}
    try:
        for number in own:
            signal.signal(number, handler)
    except ValueError:  # in another thread than the main one
        own = {}
    try:
        yield bool(own)
    finally:
        for number, old in own.items():
            if signal.getsignal(number) is handler:  # a service or page has not set its own
                signal.signal(number, old)


def line(number: int, do: str) -> str:
    """What a command says at its end by a signal."""
    return f"{_TEXTS[number]}; {do}" if do else _TEXTS[number]


def end(code: object) -> None:
    """Ends a command that is done, by the value of its `SystemExit`, without taking the interpreter down.

    Destructors and threads of libraries, which can print where a signal comes meanwhile, have nothing left to do. Exit
    functions run.
    """
    if code is not None and not isinstance(code, int):
        print(code, file=sys.stderr)
        code = 1
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):  # a closed pipe, or no stream at all
            stream.flush()
    os._exit(code or 0)


def _remove(name: str) -> None:
    """Removes a file, or a folder with all that is in it."""
    with contextlib.suppress(OSError):
        if not os.path.isdir(name):
            os.unlink(name)
            return
        for folder, folders, files in os.walk(name, topdown=False):
            for file in files:
                os.unlink(os.path.join(folder, file))
            for inner in folders:
                os.rmdir(os.path.join(folder, inner))
        os.rmdir(name)


def _leave(number: int, do: str) -> None:
    """Ends the process now: removes its temporary files and writes one line."""
    try:
        for each in _TEXTS:
            signal.signal(each, signal.SIG_IGN)  # a second one changes nothing
        for name in list(unfinished):
            _remove(name)
        start = "\n" if os.isatty(2) else ""  # after ^C, or a progress bar
        # Not by `sys.stderr`, in the midst of whose write the signal may have come.
        os.write(2, f"{start}{line(number, do)}\n".encode())
    finally:
        os._exit(128 + number)  # whatever failed, as a closed terminal
