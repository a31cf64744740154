"""Successive halving: which members are dropped when, and that they do not change afterwards."""

import dataclasses

import numpy as np
import pytest

from tests.train.test_ensemble import of_member
from tests.train.test_loop import PLAN, assert_same, fit, setup
from tests.train.test_step import HYPER
from voxjax.train import run_state, successive_halving


@pytest.mark.parametrize(
    ("members", "epochs", "first", "found"),
    [(8, 20, 2, (2, 4, 8)), (8, 6, 2, (2, 4)), (5, 100, 3, (3, 6, 12)), (1, 10, 1, ()), (4, 10, 10, ())],
)
def test_rungs_double_until_one_is_left(members, epochs, first, found):
    assert successive_halving.rungs(members, epochs, first) == found


def scored(*uars, dropped=()):
    row = {"valid_loss": 1.0}
    return tuple(
        run_state.MemberState(HYPER, None, uar, 1, (row,), (), "", 1 if i in dropped else 0)
        for i, uar in enumerate(uars)
    )


def dropped_after(members, epoch, rungs):
    run = setup(hypers=(HYPER,))._replace(rungs=rungs, train=dataclasses.replace(PLAN, epochs=50, patience_epochs=50))
    progress = successive_halving.drop(run, run_state.RunState(epoch, (), members, ()))
    return [i for i, member in enumerate(progress.members) if member.dropped == epoch]


def test_the_worse_half_of_those_still_learning_is_dropped():
    assert dropped_after(scored(0.1, 0.4, 0.3, 0.2), 2, (2,)) == [0, 3]
    assert dropped_after(scored(0.1, 0.4, 0.3, 0.2), 3, (2,)) == []
    assert dropped_after(scored(0.1, 0.4, 0.3, 0.2, dropped=(1, 2)), 4, (2, 4)) == [0]
    assert dropped_after(scored(0.1, 0.4, 0.3), 2, (2,)) == [0]
    assert dropped_after(scored(0.4), 2, (2,)) == []


def test_of_equal_scores_the_higher_loss_is_dropped():
    first, second = scored(0.4, 0.4)
    first = first._replace(history=({"valid_loss": 2.0},))
    assert dropped_after((first, second), 2, (2,)) == [0]


def test_a_dropped_member_keeps_every_bit_while_the_other_trains_on():
    plan = dataclasses.replace(PLAN, epochs=3)
    run = setup(plan, (HYPER, HYPER))._replace(rungs=(1,))
    progress = fit(run)
    loser = next(i for i, member in enumerate(progress.members) if member.dropped)
    assert [len(member.history) for member in progress.members][loser] == 1
    assert int(of_member(progress, run, loser).step) == 3 and int(of_member(progress, run, 1 - loser).step) == 9
    after_one = fit(run._replace(train=dataclasses.replace(plan, epochs=1)))
    assert_same(of_member(progress, run, loser), of_member(after_one, run, loser))
    np.testing.assert_equal(progress.members[1 - loser].dropped, 0)
