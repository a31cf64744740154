"""How members are computed: asked for, measured and kept, or settled by what is there."""

import jax
import numpy as np
import pytest

from tests.train.test_ensemble import other_task
from tests.train.test_loop import setup
from tests.train.test_step import HYPER, data, task
from voxjax.train import layout


class Notes:
    """A cache in memory that counts."""

    def __init__(self, **kept):
        self.kept, self.told, self.written = kept, [], 0

    def cache(self):
        return layout.Cache(self.read, self.write, self.told.append)

    def read(self, name):
        return self.kept[name] if name in self.kept else None

    def write(self, name, seconds):
        self.kept[name], self.written = seconds, self.written + 1


def choose(notes, via="auto", tasks=None, mesh=None):
    tasks = tasks or [task(), task()]
    run = setup(hypers=(HYPER,) * len(tasks))
    members = [course.member for course in run.courses]
    clips = jax.tree.map(np.asarray, data().clips)
    return layout.choose(via, tasks, members, clips, 4, mesh or run.program.mesh, notes.cache())


@pytest.mark.parametrize("via", ["vmap", "unroll", "map"])
def test_what_is_asked_for_is_taken_unmeasured(via):
    notes = Notes()
    assert choose(notes, via) == via and not notes.told and not notes.written


def test_without_equal_members_there_is_nothing_to_measure():
    notes = Notes()
    assert choose(notes, tasks=[task(), other_task()]) == "unroll" and not notes.told and not notes.written


def test_the_faster_form_is_taken_told_and_measured_once():
    notes = Notes()
    first = choose(notes)
    assert notes.written == 2 and all(0 < seconds < 60 for seconds in notes.kept.values())
    assert choose(notes) == first and notes.written == 2
    assert len(notes.told) == 2 and notes.told[0] == notes.told[1] and notes.told[0].endswith(f"so {first}")
    # The choice follows the measurement: turned round, it is the other form.
    fast, slow = sorted(notes.kept, key=lambda name: notes.kept[name])
    turned = Notes(**{fast: notes.kept[slow] + 1, slow: notes.kept[fast]})
    assert choose(turned) == ({"vmap", "unroll"} - {first}).pop()
