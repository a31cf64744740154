"""How members are computed: asked for, measured and kept, or settled by what is there."""

import jax
import numpy as np
import pytest

from tests.train.test_ensemble import other_task
from tests.train.test_loop import setup
from tests.train.test_step import HYPER, data, task
from voxjax.train import member_execution


class Notes:
    """A cache in memory that counts."""

    def __init__(self, **kept):
        self.kept, self.told, self.written = kept, [], 0

    def cache(self):
        return member_execution.TimingCache(self.read, self.write, self.told.append)

    def read(self, name):
        return self.kept[name] if name in self.kept else None

    def write(self, name, seconds):
        self.kept[name], self.written = seconds, self.written + 1


def choose(notes, via="auto", tasks=None, mesh=None):
    tasks = tasks or [task(), task()]
    run = setup(hypers=(HYPER,) * len(tasks))
    members = [plan.arrays for plan in run.plans]
    clips = (jax.tree.map(np.asarray, data().clips),)
    return member_execution.choose(via, tasks, members, clips, 4, mesh or run.program.mesh, notes.cache())


@pytest.mark.parametrize("via", ["vmap", "unroll", "map"])
def test_what_is_asked_for_is_taken_unmeasured(via):
    notes = Notes()
    assert choose(notes, via) == via and not notes.told and not notes.written


def test_without_equal_members_there_is_nothing_to_measure():
    notes = Notes()
    assert choose(notes, tasks=[task(), other_task()]) == "unroll" and not notes.told and not notes.written


def test_forms_are_measured_once_and_told():
    notes = Notes()
    first = choose(notes)
    assert notes.written == 2 and all(0 < seconds < 60 for seconds in notes.kept.values())
    assert choose(notes) == first and notes.written == 2
    assert len(notes.told) == 2 and notes.told[0] == notes.told[1] and notes.told[0].endswith(f"so {first}")
    # The choice follows the measurement, and a close one is no reason to give up a lone member's bits.
    unroll, vmap = notes.kept
    for seconds, form in ((0.7, "vmap"), (0.9, "unroll"), (1.4, "unroll")):
        assert choose(Notes(**{unroll: 1.0, vmap: seconds})) == form
