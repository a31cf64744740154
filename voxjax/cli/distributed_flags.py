"""Runs over many hosts: how their processes find each other."""

import os
import sys

from absl import flags

from voxjax import interruption
from voxjax.errors import UsageError, VoxJaxError, mismatch

COORDINATOR = flags.DEFINE_string(
    "coordinator", None, "Joins a run over many hosts: HOST:PORT of process 0; auto under Slurm, MPI and on TPU pods."
)
PROCESSES = flags.DEFINE_integer("processes", None, "How many processes the run has.", lower_bound=1)
PROCESS = flags.DEFINE_integer("process", None, "Which of them this one is, from 0.", lower_bound=0)


def join() -> None:
    """Joins the run that the flags describe; without them, the process is the whole run.

    Only the first process prints the report. To be called before any array is created.

    Raises:
        UsageError: at flags that contradict each other.
        VoxJaxError: where the processes do not find each other.
    """
    where, many, which = COORDINATOR.value, PROCESSES.value, PROCESS.value
    if where is None:
        if many is not None or which is not None:
            do = "add --coordinator=HOST:PORT of process 0"
            raise UsageError(mismatch("--coordinator", "an address, with --processes", "none", do))
        return
    if where != "auto":
        if many is None or which is None:
            do = "add both, or let --coordinator=auto ask Slurm, MPI or the TPU pod"
            raise UsageError(mismatch("--coordinator", "--processes and --process with it", "not both", do))
        if which >= many:
            raise UsageError(mismatch("--process", f"a number below {many}", which, "number the processes from 0"))
    import jax  # imported here, so that --help and wrong use answer at once

    from voxjax.train.processes import first

    try:
        jax.distributed.initialize(None if where == "auto" else where, many, which)
    except (RuntimeError, ValueError) as error:
        do = "check the address, that its port is free, and that all processes are started"
        found = " ".join(str(error).split())[:160]
        raise VoxJaxError(mismatch("--coordinator", "to meet the other processes", found, do)) from error
    interruption.install()  # JAX has taken SIGTERM for itself
    if not first():
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - open until the process ends
