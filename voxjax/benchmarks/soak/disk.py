"""Full, read-only and removed folders while commands write to them: one line, and nothing lost.

Linux, as root: each trial has a small file system of its own in memory (tmpfs).
"""

import contextlib
import random
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from voxjax import progress
from voxjax.benchmarks.soak.calls import Call
from voxjax.benchmarks.soak.small_runs import Bench, Unbroken, Work, digest, temporary_files

_WORKS = ("train", "crossval", "predict", "timeline")
_ENDS_S = 240.0  # a command that lasts longer hangs
_AFTER_S = 3.0  # in which most of a command's files are written
_LARGE = "64m"


def measure(folder: Path, count: int, seed: int) -> dict[str, Any]:
    """Figures of `count` trials: full, read-only, and removed in turn.

    A full disk has a random size below what the command writes; a folder is made read-only or removed at a random
    moment. A command must fail with exit code 1 and one line, or end well where it had nothing more to write; with room
    again it must come to the results of an unbroken one.
    """
    bench, draws = Bench(folder), random.Random(seed)
    whole = {name: bench.unbroken(name, folder / "whole" / name) for name in _WORKS}
    counts: dict[str, dict[str, int]] = {}
    other, left = [], []
    with progress.bar(count, "filling", "trial") as bar:
        for trial in range(count):
            kind, name = list(_WAYS)[trial % len(_WAYS)], _WORKS[trial // len(_WAYS) % len(_WORKS)]
            with _mounted(folder / "disk") as disk:
                work = bench.works(disk / "run")[name]
                code, err = _WAYS[kind](bench, work, disk, whole[name], draws)
                lines = whole[name].further(err)
                _remount(disk, f"rw,size={_LARGE}")
                problem = bench.completed(work)
                same = digest(disk / "run", work) == whole[name].digest
                left += [Path(path).name for path in temporary_files(disk, bench.cache)]
            end = "failed in one line" if code == 1 and len(lines) == 1 else "ended well" if code == 0 else "other"
            counts.setdefault(kind, {}).setdefault(end, 0)
            counts[kind][end] += 1
            if end == "other" or problem or not same:
                other.append({"way": kind, "run": name, "code": code, "lines": lines[-20:], "then": problem or same})
            bar.update(1)
    return {
        "trials": count,
        "ends": counts,
        "other_ends_or_losses": len(other),
        "cases": other,
        "temporary_files_left": len(left),
        "files_left": left,
        "seed": seed,
    }


def _full(bench: Bench, work: Work, disk: Path, one: Unbroken, draws: random.Random) -> tuple[int, str]:
    _remount(disk, f"size={draws.randrange(4, max(8, one.kilobytes))}k")
    return _ended(bench.start(work.first, forked=True))


def _read_only(bench: Bench, work: Work, disk: Path, one: Unbroken, draws: random.Random) -> tuple[int, str]:
    call = bench.start(work.first, forked=True)
    _begun(call, disk, draws)
    while call.ended(0.0) is None and not _remount(disk, "ro"):  # refused while a file is open for writing
        pass
    return _ended(call)


def _removed(bench: Bench, work: Work, disk: Path, one: Unbroken, draws: random.Random) -> tuple[int, str]:
    call = bench.start(work.first, forked=True)
    _begun(call, disk, draws)
    shutil.rmtree(disk / "run", ignore_errors=True)
    return _ended(call)


_WAYS = {"full": _full, "read-only": _read_only, "removed": _removed}


def _begun(call: Call, disk: Path, draws: random.Random) -> None:
    """Waits until a command has made its folder, and for a random time after that."""
    while call.ended(0.01) is None and not (disk / "run").exists():
        pass
    call.ended(draws.uniform(0.0, _AFTER_S))


def _ended(call: Call) -> tuple[int, str]:
    """The exit code and standard error of a command; one that hangs is killed."""
    code = call.ended(_ENDS_S)
    if code is None:
        call.signal(signal.SIGKILL)
        code = call.ended()
    assert code is not None
    return code, call.errors()


@contextlib.contextmanager
def _mounted(disk: Path) -> Iterator[Path]:
    """A small file system in memory."""
    disk.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={_LARGE}", "tmpfs", str(disk)], check=True)
    try:
        yield disk
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def _remount(disk: Path, options: str) -> bool:
    """Changes a mounted file system; False where that is refused."""
    command = ["mount", "-o", f"remount,{options}", str(disk)]
    return subprocess.run(command, capture_output=True).returncode == 0
