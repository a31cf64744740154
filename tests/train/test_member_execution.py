"""The choice of an execution mode: as configured, or measured once and cached."""

import jax
import numpy as np
import pytest

from tests.train.test_ensemble import other_task
from tests.train.test_loop import setup
from tests.train.test_step import HYPER, data, task
from voxjax.train import member_execution


class MemoryCache:
    """A timing cache in memory that counts what is written."""

    def __init__(self, **kept):
        self.kept, self.messages, self.written = kept, [], 0

    def timing_cache(self):
        return member_execution.TimingCache(self.read, self.write, self.messages.append)

    def read(self, name):
        return self.kept[name] if name in self.kept else None

    def write(self, name, seconds):
        self.kept[name], self.written = seconds, self.written + 1


def choose(cache, mode="auto", tasks=None, mesh=None):
    tasks = tasks or [task(), task()]
    run = setup(hypers=(HYPER,) * len(tasks))
    members = [plan.arrays for plan in run.plans]
    clips = (jax.tree.map(np.asarray, data().clips),)
    return member_execution.choose(mode, tasks, members, clips, 4, mesh or run.program.mesh, cache.timing_cache())


@pytest.mark.parametrize("mode", ["vmap", "unroll", "map"])
def test_a_configured_mode_is_taken_without_measuring(mode):
    cache = MemoryCache()
    assert choose(cache, mode) == mode and not cache.messages and not cache.written


def test_without_equal_members_nothing_is_measured():
    cache = MemoryCache()
    assert choose(cache, tasks=[task(), other_task()]) == "unroll" and not cache.messages and not cache.written


def test_modes_are_measured_once_and_reported():
    cache = MemoryCache()
    first = choose(cache)
    assert cache.written == 2 and all(0 < seconds < 60 for seconds in cache.kept.values())
    assert choose(cache) == first and cache.written == 2
    assert (
        len(cache.messages) == 2
        and cache.messages[0] == cache.messages[1]
        and cache.messages[0].endswith(f"so {first}")
    )
    # The faster mode is chosen; where they are close, the one with the bits of a member alone.
    unroll, vmap = cache.kept
    for seconds, expected in ((0.7, "vmap"), (0.9, "unroll"), (1.4, "unroll")):
        assert choose(MemoryCache(**{unroll: 1.0, vmap: seconds})) == expected
