"""VoxJAX's own training step of the reference network, for one member or for several."""

import itertools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from voxjax import models
from voxjax.audio import normalize
from voxjax.benchmarks import reference_network as reference
from voxjax.config import Hyper, VectorFeatures
from voxjax.train import ensemble, loop, sharding, step

PACKAGES = ("jax", "flax", "optax")


def start(members: int = 1, mode: str = "unroll", member_axis: int = 1, data_axis: int = 1) -> Callable[[], None]:
    """Weights for the members; the result is a training step of all, the first of which compiles it.

    Args:
        members: equal but for their keys.
        mode: a member execution mode: `vmap`, `map` or `unroll`.
        member_axis, data_axis: of the mesh of devices.
    """
    program = ensemble.Program(ensemble.group_members([_task()] * members, mode), sharding.mesh(member_axis, data_axis))
    values, labels = reference.clips()
    scaler = normalize.fit(values, np.full(len(values), reference.POSITIONS), 0)
    lengths = np.full((len(values), 1), reference.POSITIONS, np.int32)
    clips = sharding.replicate(program, step.Clips(values[:, None], lengths, labels))
    each = [_member(scaler, i) for i in range(members)]
    blank = jax.tree.map(lambda x: np.zeros((1, *x.shape[1:]), x.dtype), clips)
    init = loop.init_state(program.mesh)
    initial = [jax.tree.map(np.array, jax.device_get(init(_task(), blank, one))) for one in each]
    states = [sharding.shard_members(program, ensemble.stack(program.groups, initial))]
    arrays = sharding.shard_members(program, ensemble.stack(program.groups, each))
    active = sharding.shard_members(program, ensemble.stack(program.groups, [np.array(True)] * members))
    numbers = itertools.count()

    def call() -> None:
        rows = [reference.batch(next(numbers))] * members
        indices = sharding.shard_batch(program, ensemble.stack(program.groups, rows))
        states[0], sums = loop.train_step(program, (clips,), arrays, states[0], indices, active)
        jax.block_until_ready(sums)

    return call


def _task() -> step.Task:
    options = {
        "filters": reference.FILTERS,
        "kernels": reference.KERNELS,
        "reduction": reference.REDUCTION,
        "lstm": reference.LSTM,
        "dense": reference.DENSE,
    }
    network = models.build("optimized", models.options("optimized", options), reference.CLASSES)
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
