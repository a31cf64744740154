"""Batches: each row once per epoch, in an order that is a function of key and epoch."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from voxjax.data import batches

KEY = jax.random.key(5)


def order(epoch, rows=20, size=4, key=KEY):
    return np.asarray(batches.order(key, jnp.int32(epoch), rows, size))


def test_each_row_is_used_once_per_epoch():
    for epoch in range(4):
        assert sorted(order(epoch).ravel()) == list(range(20))


def test_order_is_a_function_of_key_and_epoch():
    np.testing.assert_array_equal(order(3), order(3))
    assert not np.array_equal(order(3), order(4))
    assert not np.array_equal(order(3), order(3, key=jax.random.fold_in(KEY, 1)))


def test_every_epoch_has_another_order():
    orders = {tuple(order(epoch).ravel()) for epoch in range(12)}
    assert len(orders) == 12 and all(sorted(one) == list(range(20)) for one in orders)
    assert len({rows[0] for rows in orders}) > 4, "the first row changes too"


def test_the_rows_left_out_change_from_epoch_to_epoch():
    used = [set(order(epoch, 22).ravel()) for epoch in range(12)]
    assert all(len(rows) == 20 for rows in used)
    assert set.union(*used) == set(range(22))


@pytest.mark.parametrize(("rows", "size", "steps"), [(100, 32, 3), (32, 32, 1), (10, 32, 1)])
def test_few_rows_are_repeated_to_fill_a_batch(rows, size, steps):
    drawn = order(0, rows, size)
    assert drawn.shape == (steps, size) == (batches.steps_per_epoch(rows, size), size)
    counts = np.bincount(drawn.ravel(), minlength=rows)
    assert counts.max() - counts.min() <= 1
