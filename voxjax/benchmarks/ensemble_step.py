"""The step of an ensemble as one program, compared with one program per member: compile time, step time, memory."""

import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from voxjax.benchmarks import step_arguments
from voxjax.benchmarks.plan import BenchmarkPlan
from voxjax.pipeline import dataset as datasets
from voxjax.pipeline import ensemble_setup
from voxjax.pipeline.folds import make_fold
from voxjax.pipeline.run_spec import RunSpec
from voxjax.storage.provenance import provenance
from voxjax.train import ensemble, loop
from voxjax.train.run_state import RunSetup

_MEBIBYTE = 2**20


class Compiled(NamedTuple):
    """A compiled training step of some members."""

    compile_s: float
    memory_mib: float  # arguments, results and temporary buffers, without donated ones
    call: Callable[[], None]  # one step, until its result is ready


def over_members(spec: RunSpec, plan: BenchmarkPlan) -> Iterator[dict[str, Any]]:
    """One program for all members of all folds, compared with one program per member, run in sequence.

    Timings vary on a shared machine, so both are timed in alternation and compared by their medians.

    Args:
        spec: of an ensemble; the steps are taken on its own clips.
        plan: how many folds, and how many steps of each program are timed.

    Yields:
        A figure for compile time, for a step, and for memory.
    """
    jax.config.update(
        "jax_enable_compilation_cache", False
    )  # with the cache, compile times would be those of reading a file
    config, dataset = spec.config, datasets.load(spec)
    folds = [make_fold(spec, dataset, config.fold + i, config.seed) for i in range(plan.folds)]
    all_members = ensemble_setup.setup(spec, dataset, folds)
    together = _compiled(all_members)
    apart = [_compiled(_alone(all_members, i)) for i in range(len(all_members.plans))]
    one, each = _interleaved(together, apart, plan.rounds)
    common = {
        "suite": "ensemble",
        "config": config.name,
        "members": len(apart),
        "folds": plan.folds,
        "member_execution": ensemble.execution_mode(all_members.program),
        "batch": config.train.batch_size,
        "input": [list(clips.features.shape[2:]) for clips in all_members.clips],
        **provenance(),
    }
    yield {**common, "figure": "compile_s", **_compared(together.compile_s, sum(x.compile_s for x in apart))}
    times = _compared(1e3 * statistics.median(one), 1e3 * statistics.median(each))
    least = {"one_program_min": 1e3 * min(one), "one_by_one_min": 1e3 * min(each), "rounds": plan.rounds}
    yield {**common, "figure": "step_ms", **times, **least}
    yield {**common, "figure": "memory_mib", **_compared(together.memory_mib, max(x.memory_mib for x in apart))}


def _compared(one: float, apart: float) -> dict[str, float]:
    return {"one_program": one, "one_by_one": apart, "ratio": one / apart}


def _alone(setup: RunSetup, i: int) -> RunSetup:
    """The run with only member `i`."""
    tasks = {m: group.task for group in setup.program.groups for m in group.member_ids}
    program = ensemble.Program(ensemble.group_members([tasks[i]], "unroll"), setup.program.mesh)
    return setup._replace(program=program, plans=(setup.plans[i],))


def _compiled(setup: RunSetup) -> Compiled:
    given = step_arguments.of_run(setup)
    indices = given.indices([np.resize(plan.rows, setup.train.batch_size).astype(np.int32) for plan in setup.plans])
    states = [given.states]
    started = time.perf_counter()
    traced = loop.train_step.lower(given.program, given.clips, given.members, states[0], indices, given.active)
    program = traced.compile()
    seconds = time.perf_counter() - started
    sizes: Any = program.memory_analysis()
    used = sizes.argument_size_in_bytes + sizes.output_size_in_bytes + sizes.temp_size_in_bytes
    clips = sum(leaf.nbytes for leaf in jax.tree.leaves(setup.clips))

    def call() -> None:
        states[0], sums = program(given.clips, given.members, states[0], indices, given.active)
        jax.block_until_ready(sums)

    return Compiled(seconds, (used - sizes.alias_size_in_bytes - clips) / _MEBIBYTE, call)


def _interleaved(together: Compiled, apart: Sequence[Compiled], rounds: int) -> tuple[list[float], list[float]]:
    """Seconds of a step of all members: in one program, and summed over programs of one."""
    one, each = [], []
    for _ in range(rounds + 1):
        one.append(_seconds(together))
        each.append(sum(_seconds(program) for program in apart))
    return one[1:], each[1:]  # the first warms up


def _seconds(program: Compiled) -> float:
    started = time.perf_counter()
    program.call()
    return time.perf_counter() - started
