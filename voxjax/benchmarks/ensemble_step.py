"""What VoxJAX's programs cost: time to compile, time of a step, memory. Each figure is a dictionary of plain values."""

import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from voxjax.config import Config
from voxjax.pipeline import ensemble_setup
from voxjax.pipeline.dataset import assemble
from voxjax.pipeline.folds import cut
from voxjax.storage.provenance import provenance
from voxjax.train import ensemble, loop, member_execution, run_state, sharding

_MEBIBYTE = 2**20
_UNKEPT = member_execution.Cache(lambda name: None, lambda name, seconds: None, lambda text: None)


class Plan(NamedTuple):
    """How much is measured."""

    rounds: int
    folds: int  # from the config's own on


class Compiled(NamedTuple):
    """A training step of some members, ready to be called again and again."""

    compile_s: float
    memory_mib: float  # arguments, results and scratch, without what is donated
    call: Callable[[], None]  # one step, waited for


def over_members(config: Config, data_dir: Path | None, cache: Path, plan: Plan) -> Iterator[dict[str, Any]]:
    """All members of all folds in one program, against a program for each of them, run one after the other.

    Timings wander on a shared machine, so both are timed in turn, round by round, and compared by their medians.

    Args:
        config: of an ensemble; its own clips are what the steps are taken on.
        data_dir, cache: as `run.train`.
        plan: how many folds, and how many steps of each program are timed.

    Yields:
        A figure for compile time, for a step, and for memory.
    """
    jax.config.update("jax_enable_compilation_cache", False)  # or compile times would be those of reading a file
    assembled = assemble(config, data_dir, cache)
    folds = [cut(config, assembled, config.fold + i, config.seed) for i in range(plan.folds)]
    whole = ensemble_setup.setup(config, assembled, folds, _UNKEPT)
    together = _compiled(whole)
    apart = [_compiled(_alone(whole, place)) for place in range(len(whole.courses))]
    one, each = _interleaved(together, apart, plan.rounds)
    told = {
        "suite": "ensemble",
        "config": config.name,
        "members": len(apart),
        "folds": plan.folds,
        "member_execution": ensemble_setup.via(whole),
        "batch": config.train.batch_size,
        "input": [list(clips.features.shape[2:]) for clips in whole.clips],
        **provenance(),
    }
    yield {**told, "figure": "compile_s", **_compared(together.compile_s, sum(x.compile_s for x in apart))}
    times = _compared(1e3 * statistics.median(one), 1e3 * statistics.median(each))
    least = {"one_program_min": 1e3 * min(one), "one_by_one_min": 1e3 * min(each), "rounds": plan.rounds}
    yield {**told, "figure": "step_ms", **times, **least}
    yield {**told, "figure": "memory_mib", **_compared(together.memory_mib, max(x.memory_mib for x in apart))}


def _compared(one: float, apart: float) -> dict[str, float]:
    return {"one_program": one, "one_by_one": apart, "ratio": one / apart}


def _alone(setup: run_state.Setup, place: int) -> run_state.Setup:
    """The same run with one of its members."""
    tasks = {at: group.task for group in setup.program.groups for at in group.places}
    program = ensemble.Program(ensemble.grouped([tasks[place]], "unroll"), setup.program.mesh)
    return setup._replace(program=program, courses=(setup.courses[place],))


def _compiled(setup: run_state.Setup) -> Compiled:
    groups, size = setup.program.groups, setup.plan.batch_size
    each = ensemble.stack(groups, [course.member for course in setup.courses])
    numbers = sharding.by_member(setup.program, each)
    batch = [np.resize(course.rows, size).astype(np.int32) for course in setup.courses]
    indices = sharding.by_batch(setup.program, ensemble.stack(groups, batch))
    active = sharding.by_member(setup.program, ensemble.stack(groups, [np.array(True)] * len(setup.courses)))
    held = [loop.begin(setup).states]
    started = time.perf_counter()
    traced = loop.train_step.lower(setup.program, setup.clips, numbers, held[0], indices, active)
    program = traced.compile()
    seconds = time.perf_counter() - started
    sizes: Any = program.memory_analysis()
    used = sizes.argument_size_in_bytes + sizes.output_size_in_bytes + sizes.temp_size_in_bytes
    clips = sum(leaf.nbytes for leaf in jax.tree.leaves(setup.clips))

    def call() -> None:
        held[0], sums = program(setup.clips, numbers, held[0], indices, active)
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
