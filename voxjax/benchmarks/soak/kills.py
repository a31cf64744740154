"""Kills commands at random moments of their whole life, and compares what they leave in the end with unbroken ones."""

import random
import signal
from pathlib import Path
from typing import Any

from voxjax import progress
from voxjax.benchmarks.soak.small_runs import Bench, Interrupted, digest, temporary_files

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
            name = min(names, key=kills.__getitem__)  # a short command often ends before its moment
            place = folder / "killed" / f"{runs}"
            work = bench.works(place)[name]
            bench.forget_clips()
            calls: list[Interrupted] = []
            while len(calls) < _CHAIN and sum(kills.values()) < count:
                resumed = bool(calls)
                calls.append(bench.interrupted(draws, name, work, signal.SIGKILL, resumed=resumed))
                if calls[-1].code != -signal.SIGKILL:
                    break  # it had ended before, or just then
                kills[name] += 1
                bar.update(1)
            problem = bench.completed(work)
            if problem or digest(place, work) != whole[name].digest:
                lost.append({"run": name, "calls": [call[:4] for call in calls], "error": problem or "other results"})
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
