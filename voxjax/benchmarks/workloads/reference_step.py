"""VoxJAX's own training step of the reference network, for one member or for several."""

import itertools
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from voxjax import models
from voxjax.audio import normalize
from voxjax.benchmarks import reference_network as reference
from voxjax.benchmarks import step_arguments
from voxjax.benchmarks.step_arguments import StepArguments
from voxjax.config import GuardConfig, Hyper, TrainConfig, VectorFeatures
from voxjax.train import ensemble, loop, sharding, step
from voxjax.train.run_state import EvalSplit, MemberPlan, RunSetup

PACKAGES = ("jax", "flax", "optax")


def arguments(
    members: int = 1,
    mode: str = "unroll",
    member_axis: int = 1,
    data_axis: int = 1,
    options: Mapping[str, Any] = reference.OPTIONS,
) -> StepArguments:
    """Fresh weights of the members, and their clips, on the devices.

    Args:
        members: equal but for their keys.
        mode: a member execution mode: `vmap`, `map` or `unroll`.
        member_axis, data_axis: of the mesh of devices.
        options: of the network.
    """
    groups = ensemble.group_members([network_task(options)] * members, mode)
    program = ensemble.Program(groups, sharding.mesh(member_axis, data_axis))
    values, labels = reference.clips()
    scaler = normalize.fit(values, np.full(len(values), reference.POSITIONS), 0)
    lengths = np.full((len(values), 1), reference.POSITIONS, np.int32)
    clips = sharding.replicate(program, step.Clips(values[:, None], lengths, labels))
    rows = np.arange(len(values), dtype=np.int32)
    valid = EvalSplit(rows, rows, labels)
    plans = tuple(MemberPlan(f"member {i}", _member(scaler, i), rows, valid) for i in range(members))
    names = tuple(map(str, range(reference.CLASSES)))
    return step_arguments.of_run(
        RunSetup(program, (clips,), plans, TrainConfig(batch_size=reference.BATCH), GuardConfig(), names)
    )


def start(members: int = 1, mode: str = "unroll", member_axis: int = 1, data_axis: int = 1) -> Callable[[], None]:
    """Weights for the members; the result is a training step of all, the first of which compiles it.

    Args: as for `arguments`.
    """
    given = arguments(members, mode, member_axis, data_axis)
    states, numbers = [given.states], itertools.count()

    def call() -> None:
        rows = given.indices([reference.batch(next(numbers))] * members)
        states[0], sums = loop.train_step(given.program, given.clips, given.members, states[0], rows, given.active)
        jax.block_until_ready(sums)

    return call


def network_task(options: Mapping[str, Any] = reference.OPTIONS) -> step.Task:
    """The static arguments of the step of a network with these options."""
    network = models.build("optimized", models.options("optimized", dict(options)), reference.CLASSES)
    return step.Task(network, VectorFeatures(), reference.CLASSES)


def _member(scaler: normalize.Scaler, number: int) -> ensemble.MemberArrays:
    hyper = Hyper(
        learning_rate=reference.LEARNING_RATE,
        dropout=reference.DROPOUT,
        head_dropout=reference.HEAD_DROPOUT,
        mixup_alpha=reference.MIXUP_ALPHA,
        mixup_probability=1.0,
        ramp_fraction=0.0,
        label_smoothing=0.0,
        time_mask_fraction=0.0,
        frequency_mask_fraction=0.0,
    )
    weights = np.ones(reference.CLASSES, np.float32)
    key = jax.random.fold_in(jax.random.key(0), number)
    return ensemble.MemberArrays(jax.tree.map(jnp.float32, hyper), scaler, weights, np.float32(10_000), key)
