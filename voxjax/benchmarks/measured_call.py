"""Runs a command of VoxJAX and prints what it took, as JSON: `python -m voxjax.benchmarks.measured_call predict …`.

A process of its own that imports little, as the most memory of a process is at least that of the one that starts it.
"""

import json
import os
import subprocess
import sys
import tempfile
import time

from voxjax.benchmarks.worker_process import MAXIMA_IN_A_MIB


def main() -> None:
    """Prints `code`, `wall_s`, `cpu_s`, `memory_mib`, and the last line of standard error."""
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as errors:
        started = time.perf_counter()
        command = [sys.executable, "-m", "voxjax", *sys.argv[1:]]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=errors)
        _, status, usage = os.wait4(process.pid, 0)
        wall_s = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        errors.seek(0)
        last = errors.read().strip().rpartition("\n")[2][:300]
    figures = {
        "wall_s": wall_s,
        "cpu_s": usage.ru_utime + usage.ru_stime,
        "memory_mib": usage.ru_maxrss / MAXIMA_IN_A_MIB,
    }
    print(json.dumps({"code": process.returncode, "last": last, **figures}))


if __name__ == "__main__":
    main()
