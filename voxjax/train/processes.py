"""Work of the first process for all processes of a run; if it fails there, it fails in all."""

from collections.abc import Callable

import jax
import numpy as np
from jax.experimental import multihost_utils

from voxjax.errors import VoxJaxError, mismatch


def first() -> bool:
    """Whether this is the process that writes the files of the run."""
    return jax.process_index() == 0


def once(work: Callable[[], object]) -> None:
    """Lets the first process do the work while the rest wait; if it fails, all processes fail.

    Raises:
        VoxJaxError: the work's error in the first process; in the rest, that the first one failed.
    """
    failure: Exception | None = None
    if first():
        try:
            work()
        except Exception as error:
            failure = error
    if jax.process_count() > 1:
        good = bool(multihost_utils.broadcast_one_to_all(np.array(failure is None)))
        if not good and not first():
            raise VoxJaxError(mismatch("process 0", "to do its part", "a failure", "read what it printed"))
    if failure is not None:
        raise failure
