"""Members together equal members alone: the same keys, clips and numbers, in any execution mode."""

import dataclasses

import jax
import numpy as np
import pytest

from tests.train.test_loop import PLAN, assert_same, fit, host, setup
from tests.train.test_step import DETERMINISTIC, HYPER, KEY, data, task
from voxjax import models
from voxjax.config import FrameFeatures
from voxjax.data import batches
from voxjax.train import ensemble, loop, sharding, step

HYPERS = (HYPER, dataclasses.replace(HYPER, learning_rate=1e-3, dropout=0.4, mixup_alpha=1))


def other_task():
    options = {"stem": (2,), "filters": (4,), "lstm": (3,), "dense": (6,)}
    return step.Task(models.build("optimized", options, 4), FrameFeatures(mels=16), 4)


def of_member(progress, run, m):
    return ensemble.unstack(run.program.groups, host(progress.states))[m]


def test_equal_tasks_are_grouped_and_unrolled_ones_are_not():
    tasks = [task(), other_task(), task()]
    groups = ensemble.group_members(tasks, "vmap")
    assert [(group.member_ids, group.mode) for group in groups] == [((0, 2), "vmap"), ((1,), "single")]
    assert [group.member_ids for group in ensemble.group_members(tasks, "unroll")] == [(0,), (1,), (2,)]
    trees = [{"x": np.full(3, i)} for i in range(3)]
    back = ensemble.unstack(groups, ensemble.stack(groups, trees))
    assert_same(back, trees)


@pytest.mark.full_compiler
def test_a_member_has_the_same_bits_alone_and_with_other_unrolled_members():
    """51 steps; the other member differs in architecture and hyperparameters."""
    plan = dataclasses.replace(PLAN, epochs=17, patience_epochs=100)
    together = setup(plan, HYPERS, mode="unroll", tasks=[task(), other_task()])
    alone = setup(plan, HYPERS[:1], mode="unroll")
    ours, theirs = of_member(fit(together), together, 0), of_member(fit(alone), alone, 0)
    assert int(ours.step) == 51
    for a, b in zip(jax.tree.leaves(ours.averaged), jax.tree.leaves(theirs.averaged), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.full_compiler
@pytest.mark.parametrize("mode", ["vmap", "map"])
def test_stacked_members_equal_unrolled_ones(mode):
    """One step without randomness: only rounding differs. Ties in max pooling amplify it over more steps."""
    plan, hypers = (
        dataclasses.replace(PLAN, epochs=1),
        (DETERMINISTIC, dataclasses.replace(DETERMINISTIC, learning_rate=1e-3)),
    )
    rows = [np.arange(0, 12, 3, dtype=np.int32)] * 2  # one batch
    stacked, unrolled = (setup(plan, hypers, rows=rows, mode=one) for one in (mode, "unroll"))
    first, second = fit(stacked), fit(unrolled)
    for m in range(2):
        a, b = (one.members[m].history[0] for one in (first, second))
        assert a["train_loss"] == pytest.approx(b["train_loss"], rel=1e-3)
        assert a["valid_loss"] == pytest.approx(b["valid_loss"], rel=1e-3)


@pytest.mark.same_bits
def test_member_0_has_the_same_bits_in_ensembles_of_1_and_5():
    plan = dataclasses.replace(PLAN, epochs=2)
    five, one = setup(plan, (HYPER,) * 5, mode="unroll"), setup(plan, (HYPER,), mode="unroll")
    ours, theirs = of_member(fit(five), five, 0), of_member(fit(one), one, 0)
    for a, b in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True):
        np.testing.assert_array_equal(a, b)


def test_members_differ_in_random_draws_and_order_of_clips():
    run = setup(hypers=(HYPER, HYPER))
    first, second = (of_member(fit(run), run, m) for m in (0, 1))
    leaves = zip(jax.tree.leaves(first.variables.params), jax.tree.leaves(second.variables.params), strict=True)
    assert any(not np.array_equal(a, b) for a, b in leaves)
    keys = [plan.arrays.key for plan in run.plans]
    orders = [np.asarray(batches.order(key, np.int32(0), 12, 4)) for key in keys]
    assert not np.array_equal(*orders)


def test_an_inactive_member_keeps_every_bit_and_has_sums_of_zero():
    run = setup(hypers=(HYPER, HYPER))
    progress = loop.begin(run)
    before = [of_member(progress, run, m) for m in (0, 1)]
    batch = [np.arange(4, dtype=np.int32)] * 2
    members = sharding.shard_members(run.program, ensemble.stack(run.program.groups, [c.arrays for c in run.plans]))
    indices = sharding.shard_batch(run.program, ensemble.stack(run.program.groups, batch))
    active = sharding.shard_members(run.program, (np.array([False, True]),))
    states, sums = loop.train_step(run.program, run.clips, members, progress.states, indices, active)
    after = ensemble.unstack(run.program.groups, host(states))
    assert_same(after[0], before[0])
    assert int(after[1].step) == 1
    np.testing.assert_array_equal(sums[0].steps, [0, 1])
    np.testing.assert_array_equal(sums[0].clips, [0, 4])


@pytest.mark.same_bits
def test_folds_of_unequal_size_train_as_they_do_alone():
    """Members have different numbers of rows and so of steps per epoch; each is inactive in the steps it lacks."""
    plan = dataclasses.replace(PLAN, epochs=3)
    rows = [np.arange(12, dtype=np.int32), np.array([1, 3, 4, 6, 8, 9, 10, 11], np.int32)]
    both = setup(plan, (HYPER, HYPER), rows=rows, mode="unroll")
    progress = fit(both)
    assert [int(of_member(progress, both, m).step) for m in (0, 1)] == [9, 6]
    lone = setup(plan, (HYPER,), rows=rows[1:], mode="unroll")
    plan = lone.plans[0]._replace(arrays=lone.plans[0].arrays._replace(key=both.plans[1].arrays.key))
    lone = lone._replace(plans=(plan,))
    ours, theirs = of_member(progress, both, 1), of_member(fit(lone), lone, 0)
    for a, b in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_member_does_not_depend_on_another_members_clips():
    """A changed clip that only the second member trains on leaves every bit of the first as it is."""
    own, plan = data(), dataclasses.replace(PLAN, epochs=2)
    rows = [np.arange(8, dtype=np.int32), np.arange(12, dtype=np.int32)]
    changed = own.clips._replace(features=own.clips.features.at[9].add(25.0))
    runs = [setup(plan, (HYPER, HYPER), clips, rows=rows) for clips in (own, own._replace(clips=changed))]
    states = [[of_member(progress, run, m) for m in (0, 1)] for run in runs for progress in [fit(run)]]
    assert_same(states[0][0].variables, states[1][0].variables)
    leaves = zip(*(jax.tree.leaves(pair[1].variables.params) for pair in states), strict=True)
    assert any(not np.array_equal(a, b) for a, b in leaves)


def test_members_have_different_keys():
    assert KEY.shape == ()
    first, second = (setup(hypers=(HYPER, HYPER)).plans[m].arrays.key for m in (0, 1))
    assert not np.array_equal(jax.random.key_data(first), jax.random.key_data(second))
