"""Participants of a benchmark, each in a process of its own, which work in turn.

The speed of a shared machine wanders by half. Participants that take turns meet the same machine, so their ratio holds.
"""

import contextlib
import importlib.util
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from voxjax.errors import UsageError, VoxJaxError, mismatch
from voxjax.storage import paths
from voxjax.storage.provenance import provenance

_PACKAGE = Path(__file__).resolve().parent.parent
_CALLS = 5  # in a row, before it is the next one's turn
_LEAVES_WITHIN_S = 20.0  # of the end of its input


class Participant(NamedTuple):
    """Who takes part with what."""

    name: str
    module: str  # with `start` and `PACKAGES`, as `worker_process` describes
    options: Mapping[str, Any] = MappingProxyType({})
    environment: Mapping[str, str] = MappingProxyType({})  # changes to it


class Timing(NamedTuple):
    """Measurements of one participant."""

    first_s: float  # of the set-up and the first call
    seconds: list[float]  # of each later call
    memory_mib: float  # the most that its process has held
    versions: dict[str, str]


class Worker:
    """The process of one participant."""

    def __init__(self, participant: Participant) -> None:
        self._name = participant.name
        command = [sys.executable, "-m", "voxjax.benchmarks.worker_process", participant.module]
        self._errors = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115 - see `end`
        self._process = subprocess.Popen(
            [*command, json.dumps(dict(participant.options))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            start_new_session=True,  # with the processes that it starts
            env=environment(participant.environment),
        )
        try:
            first = self._answer()
        except VoxJaxError:
            self.end()
            raise
        self.first_s: float = first["first_s"]
        self.versions: dict[str, str] = first["versions"]
        self.seconds: list[float] = []
        self.memory_mib = 0.0

    def call(self, times: int) -> None:
        """Does the work so often, and keeps the seconds of each call.

        Raises:
            VoxJaxError: if the process has ended.
        """
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # then it has no answer either
            self._process.stdin.write(f"{times}\n")
            self._process.stdin.flush()
        answer = self._answer()
        self.seconds += answer["seconds"]
        self.memory_mib = answer["memory_mib"]

    def end(self) -> None:
        """Ends the process and those that it has started."""
        assert self._process.stdin is not None and self._process.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        try:
            self._process.wait(_LEAVES_WITHIN_S)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._process.stdout.close()
        self._errors.close()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._process.wait()
            self._errors.seek(0)
            last = self._errors.read().strip().rpartition("\n")[2][:300]
            do = "start it alone with python -m voxjax.benchmarks.worker_process to see why"
            raise VoxJaxError(mismatch(self._name, "an answer from its process", last or "none", do))
        return json.loads(line)


def timed(participants: Sequence[Participant], rounds: int) -> dict[str, Timing]:
    """Each participant's measurements: set up one after the other, then `rounds` rounds of a few calls each in turn.

    Raises:
        VoxJaxError: if the process of one ends.
    """
    workers: dict[str, Worker] = {}
    try:
        for participant in participants:
            workers[participant.name] = Worker(participant)
        for worker in workers.values():
            worker.call(2)  # warms up
            worker.seconds.clear()
        for _ in range(rounds):
            for worker in workers.values():
                worker.call(_CALLS)
    finally:
        for worker in workers.values():
            worker.end()
    return {name: Timing(w.first_s, w.seconds, w.memory_mib, w.versions) for name, w in workers.items()}


def figures(suite: str, figure: str, timings: Mapping[str, Timing], common: Mapping[str, Any]) -> Iterator[dict]:
    """One row for each participant; the first is VoxJAX, and `ratio` is its median over theirs.

    Args:
        suite, figure: what was measured.
        timings: in the order in which they took part.
        common: further fields of every row.
    """
    ours, *_ = timings.values()
    median = statistics.median(ours.seconds)
    for name, timing in timings.items():
        theirs = statistics.median(timing.seconds)
        yield {
            "suite": suite,
            "figure": figure,
            "who": name,
            "median_ms": 1e3 * theirs,
            "min_ms": 1e3 * min(timing.seconds),
            "ratio": median / theirs,
            "calls": len(timing.seconds),
            "first_s": timing.first_s,
            "memory_mib": timing.memory_mib,
            "versions": timing.versions,
            **common,
            **machine(),
        }


def environment(changes: Mapping[str, str]) -> dict[str, str]:
    """The environment of a process that imports this package, which in a checkout is not installed."""
    own = paths.environment(changes)
    own["PYTHONPATH"] = os.pathsep.join(filter(None, (str(_PACKAGE.parent), own.get("PYTHONPATH", ""))))
    return own


def machine() -> dict[str, Any]:
    """Processors, load and versions, for every figure."""
    return {"processors": os.cpu_count(), "load": round(os.getloadavg()[0], 2), **provenance()}


def check_installed(peer: str, packages: Sequence[str]) -> None:
    """Checks that the packages of a peer are there.

    Raises:
        UsageError: at a missing one.
    """
    for package in packages:
        if importlib.util.find_spec(package) is None:
            do = "pip install 'voxjax[bench]', or leave it out of --peers"
            raise UsageError(mismatch(f"--peers={peer}", f"the package {package}", "none", do))
