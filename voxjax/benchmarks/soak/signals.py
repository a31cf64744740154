"""Signals at random moments of commands' whole life: exit codes, one line each, and nothing lost."""

import random
import signal
import subprocess
from pathlib import Path
from typing import Any

from voxjax import progress
from voxjax.benchmarks.soak.small_runs import Bench, digest, temporary_files

_SIGNALS = ("SIGTERM", "SIGHUP", "SIGINT")
_WORKS = ("train", "crossval", "predict", "timeline")
_PYTHON_S = 0.15  # about what Python takes until it runs code of VoxJAX, which can't change what a signal does before
_TWICE = 3  # every third signal is sent twice at once


def measure(folder: Path, count: int, seed: int) -> dict[str, Any]:
    """Figures of `count` signals of each of SIGTERM, SIGHUP and SIGINT.

    The exit code must be 128 + the signal's number, with one line on standard error beside those of progress, and the
    same command must then go on to the results of an unbroken one.
    """
    bench, draws = Bench(folder), random.Random(seed)
    whole = {name: bench.unbroken(name, folder / "whole" / name) for name in _WORKS}
    codes: dict[str, dict[str, int]] = {name: {} for name in _SIGNALS}
    noise, lost, left = [], [], []
    ended_before = {"before_voxjax_runs": 0, "after_the_work": 0}
    with progress.bar(count * len(_SIGNALS), "signalling", "signal") as bar:
        for trial in range(count * len(_SIGNALS)):
            name, work_name = _SIGNALS[trial % len(_SIGNALS)], _WORKS[trial // len(_SIGNALS) % len(_WORKS)]
            one, place = whole[work_name], folder / "signalled" / str(trial)
            work = bench.works(place)[work_name]
            bench.forget_clips()
            moment = draws.uniform(0.0, one.seconds)
            code, err = _signalled(bench, work.first, moment, getattr(signal, name), twice=trial % _TWICE == 0)
            codes[name][str(code)] = codes[name].setdefault(str(code), 0) + 1
            lines = one.further(err)
            if code == 0:
                ended_before["after_the_work"] += 1
            elif code < 0 and moment < _PYTHON_S and not lines:
                ended_before["before_voxjax_runs"] += 1
            elif code != 128 + getattr(signal, name) or len(lines) != 1:
                noise.append({"signal": name, "run": work_name, "moment_s": moment, "code": code, "lines": lines[-20:]})
            problem = bench.completed(work)
            if problem or digest(place, work) != one.digest:
                lost.append({"signal": name, "run": work_name, "moment_s": moment, "error": problem or "other results"})
            left += [Path(path).name for path in temporary_files(place, bench.cache)]
            bar.update(1)
    return {
        "signals": count * len(_SIGNALS),
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


def _signalled(bench: Bench, arguments: tuple[str, ...], moment: float, number: int, *, twice: bool) -> tuple[int, str]:
    """The exit code and standard error of a command that gets a signal after so many seconds."""
    process = bench.start(arguments)
    try:
        _, err = process.communicate(timeout=moment)
    except subprocess.TimeoutExpired:
        for _ in range(1 + twice):
            process.send_signal(number)
        _, err = process.communicate()
    return process.returncode, err
