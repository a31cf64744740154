"""What waits is computed together; what is cancelled is not computed; an error is that of its batch."""

import threading

import pytest

from voxjax.deploy.service.batching import Batcher


def test_what_waits_is_computed_together_in_its_order():
    started, go, sizes = threading.Event(), threading.Event(), []

    def compute(items):
        started.set()
        go.wait(10.0)
        sizes.append(len(items))
        return [10 * one for one in items]

    batcher = Batcher("test", compute, 4, 0.001)
    first = batcher.submit(0)
    assert started.wait(10.0)
    rest = [batcher.submit(i) for i in range(1, 8)]
    assert batcher.waiting() == 7 and rest[2].cancel()
    go.set()
    assert first.result(10.0) == 0
    assert [one.result(10.0) for one in rest if not one.cancelled()] == [10, 20, 40, 50, 60, 70]
    batcher.close()
    assert sizes == [1, 3, 3] and not batcher.is_alive()


def test_an_error_is_that_of_its_batch_and_the_thread_goes_on():
    batcher = Batcher("test", lambda items: [1 / one for one in items], 1, 0.0)
    failed, good = batcher.submit(0), batcher.submit(2)
    with pytest.raises(ZeroDivisionError):
        failed.result(10.0)
    assert good.result(10.0) == 0.5 and batcher.is_alive()
    batcher.close()
