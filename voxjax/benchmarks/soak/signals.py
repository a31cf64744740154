"""Signals at random moments of commands' whole life: exit codes, one line each, and nothing lost."""

import random
import signal
from pathlib import Path
from typing import Any

from voxjax import progress
from voxjax.benchmarks.soak.small_runs import Bench, digest, temporary_files

_SIGNALS = ("SIGTERM", "SIGHUP", "SIGINT")
_WORKS = ("train", "crossval", "predict", "timeline")
_PYTHON_S = 0.15  # about what Python takes until it runs code of VoxJAX, which can't change what a signal does before
_CHAIN = 5  # signals of one run, each of the call that goes on after the one before
_TWICE = 4  # every fourth signal is sent twice at once


def measure(folder: Path, count: int, seed: int) -> dict[str, Any]:
    """Figures of `count` signals of each of SIGTERM, SIGHUP and SIGINT.

    The exit code must be 128 + the signal's number, with one line on standard error beside those of progress, and the
    same command must then go on to the results of an unbroken one.
    """
    bench, draws = Bench(folder), random.Random(seed)
    whole = {name: bench.unbroken(name, folder / "whole" / name) for name in _WORKS}
    codes: dict[str, dict[str, int]] = {name: {} for name in _SIGNALS}
    noise, lost, left, runs, sent = [], [], [], 0, 0
    ended_before = {"before_voxjax_runs": 0, "after_the_work": 0}
    with progress.bar(count * len(_SIGNALS), "signalling", "signal") as bar:
        while sent < count * len(_SIGNALS):
            work_name, place = _WORKS[runs % len(_WORKS)], folder / "signalled" / str(runs)
            work, one = bench.works(place)[work_name], whole[work_name]
            bench.forget_clips()
            for link in range(min(_CHAIN, count * len(_SIGNALS) - sent)):
                name, times = _SIGNALS[sent % len(_SIGNALS)], 2 if sent % _TWICE == 0 else 1
                number = getattr(signal, name)
                call = bench.interrupted(draws, work_name, work, number, resumed=link > 0, times=times)
                if not call.delivered:
                    break
                sent += 1
                bar.update(1)
                codes[name][str(call.code)] = codes[name].setdefault(str(call.code), 0) + 1
                lines = one.further(call.errors)
                if call.code == 0:
                    ended_before["after_the_work"] += 1
                    break
                if call.code < 0 and call.moment_s < _PYTHON_S and not lines:
                    ended_before["before_voxjax_runs"] += 1
                elif call.code != 128 + number or len(lines) != 1:
                    noise.append({"signal": name, "run": work_name, **call._asdict(), "errors": lines[-20:]})
            problem = bench.completed(work)
            if problem or digest(place, work) != one.digest:
                lost.append({"run": work_name, "error": problem or "other results"})
            left += [Path(path).name for path in temporary_files(place, bench.cache)]
            runs += 1
    return {
        "signals": sent,
        "runs": runs,
        "exit_codes": codes,
        **ended_before,
        "other_exit_codes_or_further_lines": len(noise),
        "cases": noise,
        "lost": len(lost),
        "losses": lost,
        "temporary_files_left": len(left),
        "files_left": left,
        "seed": seed,
    }
