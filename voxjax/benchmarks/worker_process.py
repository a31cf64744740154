"""The process of one participant: sets its work up, then does it as often as standard input asks for.

Standard output holds one JSON value a line: first how long the first call took, then the seconds of the calls of each
request. Everything else that libraries print goes to standard error.
"""

import importlib
import json
import os
import resource
import sys
import time

MAXIMA_IN_A_MIB = 2**20 if sys.platform == "darwin" else 2**10  # of `ru_maxrss`, which is in bytes there


def main() -> None:
    """Runs `python -m voxjax.benchmarks.worker_process MODULE OPTIONS`.

    `MODULE` has a function `start(**OPTIONS)` that returns a function, which does the work once and waits for its
    results. What `start` and the first call take together is the time to the first result: imports are not in it.
    """
    module, options = importlib.import_module(sys.argv[1]), json.loads(sys.argv[2])
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    started = time.perf_counter()
    call = module.start(**options)
    call()
    first_s = time.perf_counter() - started
    versions = {name: importlib.import_module(name).__version__ for name in module.PACKAGES}
    print(json.dumps({"first_s": first_s, "versions": versions}), file=answers)
    for line in sys.stdin:
        seconds = []
        for _ in range(int(line)):
            before = time.perf_counter()
            call()
            seconds.append(time.perf_counter() - before)
        print(json.dumps({"seconds": seconds, "memory_mib": _memory_mib()}), file=answers)


def _memory_mib() -> float:
    """The most memory that this process has held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / MAXIMA_IN_A_MIB


if __name__ == "__main__":
    main()
