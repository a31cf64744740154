"""Kills commands at random moments of their whole life, and compares what they leave in the end with unbroken ones."""

import random
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

from voxjax import progress
from voxjax.benchmarks.soak.small_runs import Bench, Work, digest, temporary_files

_CHAIN = 4  # kills of one run, each of the call that goes on after the one before


def measure(folder: Path, count: int, seed: int) -> dict[str, Any]:
    """Figures of `count` kills: how many runs lost something, and what was left.

    A run is killed up to four times before it is completed; its results must have the bytes of an unbroken run. The
    cache of decoded clips is emptied before each run, so that its writing is interrupted too.
    """
    bench, draws = Bench(folder), random.Random(seed)
    names = list(bench.works(folder))
    whole = {name: _unbroken(bench, name, folder / "whole" / name) for name in names}
    kills: dict[str, int] = dict.fromkeys(names, 0)
    runs, lost, left = 0, [], []
    with progress.bar(count, "killing", "kill") as bar:
        while sum(kills.values()) < count:
            name = names[runs % len(names)]
            place = folder / "killed" / f"{runs}"
            work, (expected, seconds) = bench.works(place)[name], whole[name]
            bench.forget_clips()
            most = min(_CHAIN, count - sum(kills.values()))
            moments = [draws.uniform(0.0, seconds) for _ in range(most)]
            done = _killed(bench, work, moments)
            kills[name] += done
            bar.update(done)
            problem = _completed(bench, work)
            if problem or digest(place, work) != expected:
                lost.append({"run": name, "moments_s": moments, "error": problem or "other results"})
            left += [Path(path).name for path in temporary_files(place, bench.cache)]
            runs += 1
    return {
        "kills": kills,
        "runs": runs,
        "seconds_of_an_unbroken_run": {name: round(seconds, 1) for name, (_, seconds) in whole.items()},
        "lost": len(lost),
        "losses": lost,
        "temporary_files_left": len(left),
        "files_left": left,
        "seed": seed,
    }


def _unbroken(bench: Bench, name: str, place: Path) -> tuple[str, float]:
    """The digest of an unbroken run, and its duration with a warm cache of compiled programs."""
    work = bench.works(place)[name]
    started = time.monotonic()
    bench.finish(work.first)
    return digest(place, work), time.monotonic() - started


def _killed(bench: Bench, work: Work, moments: list[float]) -> int:
    """Starts a command again and again, each time killed at a moment in seconds; returns the number of kills.

    A call that ends before its moment ends the chain.
    """
    arguments = work.first
    for done, moment in enumerate(moments):
        process = bench.start(arguments)
        try:
            process.communicate(timeout=moment)
            return done
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.communicate()
        if process.returncode != -signal.SIGKILL:
            return done
        arguments = work.again
    return len(moments)


def _completed(bench: Bench, work: Work) -> str:
    """Goes on to the end; the last line of standard error where that fails, else nothing."""
    try:
        bench.finish(work.again)
    except subprocess.CalledProcessError as error:
        return (error.stderr.strip().splitlines() or ["no line"])[-1]
    return ""
