"""Calls of VoxJAX's command: in a whole process, or in one that is forked from a process with all imports done."""

import atexit
import logging
import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from voxjax.storage import paths

_PRELOADED = ["voxjax.experiments.train", "voxjax.experiments.crossval", "voxjax.inference.predictor"]


class Call:
    """A command at work, in a process that was started from nothing."""

    def __init__(self, arguments: Sequence[str], changes: Mapping[str, str], errors: Path) -> None:
        """Starts it.

        Args:
            arguments: of `voxjax`.
            changes: to the environment.
            errors: file for its standard error.
        """
        self._errors = errors
        with errors.open("wb") as file:
            command, nothing = [sys.executable, "-m", "voxjax", *arguments], subprocess.DEVNULL
            env = paths.environment(changes)
            self._process = subprocess.Popen(
                command, stdin=nothing, stdout=nothing, stderr=file, env=env, preexec_fn=_default_signals
            )

    def ended(self, timeout_s: float | None = None) -> int | None:
        """Its exit code, negative if a signal ended it; None if it is still at work after the time."""
        try:
            return self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return None

    def signal(self, number: int) -> None:
        """Sends it a signal."""
        self._process.send_signal(number)

    def errors(self) -> str:
        """What it wrote to standard error."""
        return self._errors.read_text(encoding="utf-8", errors="replace")


class ForkedCall(Call):
    """The same in a process that was forked from one with all imports done, which takes a third of the time."""

    def __init__(self, arguments: Sequence[str], changes: Mapping[str, str], errors: Path) -> None:
        self._errors = errors
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(_PRELOADED)
        self._forked = context.Process(target=_run, args=(list(arguments), dict(changes), str(errors)))
        self._forked.start()

    def ended(self, timeout_s: float | None = None) -> int | None:
        self._forked.join(timeout_s)
        return self._forked.exitcode

    def signal(self, number: int) -> None:
        if self._forked.is_alive() and self._forked.pid is not None:
            os.kill(self._forked.pid, number)


def _default_signals() -> None:
    """Has signals do what they do by default: a campaign under nohup or in the background ignores some."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def _run(arguments: list[str], changes: dict[str, str], errors: str) -> None:
    """Runs a command in this process, which was forked for it."""
    atexit._clear()  # functions of the process that it was forked from
    logging.getLogger().handlers.clear()
    _default_signals()
    nothing = os.open(os.devnull, os.O_RDWR)
    err = os.open(errors, os.O_WRONLY | os.O_CREAT, 0o644)
    for stream, handle in enumerate((nothing, nothing, err)):
        os.dup2(handle, stream)
    paths.set_environment(changes)
    sys.argv = ["voxjax", *arguments]
    runpy.run_module("voxjax", run_name="__main__")  # as `python -m voxjax`
