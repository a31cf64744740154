"""Work for a process of a benchmark: it takes a known time, and prints a line that is no answer."""

import time

PACKAGES = ("numpy",)


def start(seconds=0.01, fails_at=0):
    """Work of so many seconds, which fails at one of its calls."""
    done = []

    def call():
        print("a line that a library prints")
        done.append(0)
        if len(done) == fails_at:
            raise RuntimeError("the work failed")
        time.sleep(seconds)

    return call
