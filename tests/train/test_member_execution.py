"""The choice of an execution mode: as configured, or by what the network and the device are."""

import jax
import numpy as np
import pytest

from tests.train.test_ensemble import other_task
from tests.train.test_loop import setup
from tests.train.test_step import HYPER, data, task
from voxjax import models
from voxjax.config import FrameFeatures
from voxjax.train import member_execution, step


def without_convolutions():
    return step.Task(models.build("lstm", {"project": 6, "lstm": (4,), "dense": (8,)}, 4), FrameFeatures(mels=16), 4)


def choose(mode="auto", tasks=None, mesh=None):
    tasks = tasks or [task(), task()]
    run = setup(hypers=(HYPER,) * len(tasks))
    members = [plan.arrays for plan in run.plans]
    clips = (jax.tree.map(np.asarray, data().clips),)
    return member_execution.choose(mode, tasks, members, clips, mesh or run.program.mesh)


@pytest.mark.parametrize("mode", ["vmap", "unroll", "map"])
def test_a_configured_mode_is_taken(mode):
    assert choose(mode) == mode


def test_without_equal_members_nothing_is_stacked():
    assert choose(tasks=[task(), other_task()]) == "unroll"


def test_convolutions_are_unrolled_on_a_cpu():
    assert choose() == "unroll"
    assert choose(tasks=[without_convolutions(), task(), task()]) == "unroll"


def test_members_without_convolutions_are_stacked():
    assert choose(tasks=[without_convolutions()] * 2) == "vmap"
    assert choose(tasks=[without_convolutions()] * 2 + [task()]) == "vmap", "one that is alone is not stacked"
