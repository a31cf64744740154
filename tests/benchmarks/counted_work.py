"""Work for a process of a benchmark: it takes a known time, and prints a line that is no answer."""

import concurrent.futures
import time

PACKAGES = ("numpy",)


def start(seconds=0.01, fails_at=0, processes=0):
    """Work of so many seconds, which fails at one of its calls, with processes of its own that wait for work."""
    done = []
    pool = concurrent.futures.ProcessPoolExecutor(processes) if processes else None

    def call():
        if pool is not None:
            pool.submit(time.sleep, 0.0).result()
        print("a line that a library prints")
        done.append(0)
        if len(done) == fails_at:
            raise RuntimeError("the work failed")
        time.sleep(seconds)

    return call
