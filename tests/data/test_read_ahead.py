"""Work ahead of its use: in order, with few results in memory."""

import time

import pytest

from voxjax.data import read_ahead


@pytest.mark.parametrize("count", [0, 1, 50])
def test_results_are_in_order(count):
    def work(i):
        time.sleep(0.002 * (i % 3))
        return i * i

    assert list(read_ahead.in_order(work, count)) == [i * i for i in range(count)]


def test_few_results_wait():
    begun = []
    results = read_ahead.in_order(lambda i: begun.append(i) or i, 1_000)
    assert next(results) == 0
    time.sleep(0.05)
    assert len(begun) <= 2 * read_ahead._THREADS + 1
    assert list(results) == list(range(1, 1_000))
