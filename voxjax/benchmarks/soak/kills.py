"""Kills commands at random moments of their whole life, and compares what they leave in the end with unbroken ones."""

import random
import signal
from pathlib import Path
from typing import Any

from voxjax import progress
from voxjax.benchmarks.soak.small_runs import Bench, Work, digest, temporary_files

_CHAIN = 8  # kills of one run, each of the call that goes on after the one before


def measure(folder: Path, count: int, seed: int) -> dict[str, Any]:
    """Figures of `count` kills: how many runs lost something, and what was left.

    A run is killed up to eight times before it is completed; its results must have the bytes of an unbroken run. The
    cache of decoded clips is emptied before each run, so that its writing is interrupted too.
    """
    bench, draws = Bench(folder), random.Random(seed)
    names = list(bench.works(folder))
    whole = {name: bench.unbroken(name, folder / "whole" / name) for name in names}
    kills: dict[str, int] = dict.fromkeys(names, 0)
    runs, lost, left = 0, [], []
    with progress.bar(count, "killing", "kill") as bar:
        while sum(kills.values()) < count:
            name = names[runs % len(names)]
            place = folder / "killed" / f"{runs}"
            work = bench.works(place)[name]
            bench.forget_clips()
            most = min(_CHAIN, count - sum(kills.values()))
            moments = [bench.draw(draws, whole[name]) for _ in range(most)]
            done = _killed(bench, work, moments)
            kills[name] += done
            bar.update(done)
            problem = bench.completed(work)
            if problem or digest(place, work) != whole[name].digest:
                lost.append({"run": name, "forked_and_moments_s": moments, "error": problem or "other results"})
            left += [Path(path).name for path in temporary_files(place, bench.cache)]
            runs += 1
    return {
        "kills": kills,
        "runs": runs,
        "seconds_of_an_unbroken_run": {name: round(one.seconds, 1) for name, one in whole.items()},
        "lost": len(lost),
        "losses": lost,
        "temporary_files_left": len(left),
        "files_left": left,
        "seed": seed,
    }


def _killed(bench: Bench, work: Work, moments: list[tuple[bool, float]]) -> int:
    """Starts a command again and again, each time killed at a moment in seconds; returns the number of kills.

    A call that ends before its moment ends the chain.
    """
    arguments = work.first
    for done, (forked, moment) in enumerate(moments):
        call = bench.start(arguments, forked=forked)
        if call.ended(moment) is not None:
            return done
        call.signal(signal.SIGKILL)
        if call.ended() != -signal.SIGKILL:
            return done
        arguments = work.again
    return len(moments)
