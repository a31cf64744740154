"""VoxJAX's own training step of the reference network, for one member or for several."""

import itertools
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Int

from voxjax import models
from voxjax.audio import normalize
from voxjax.benchmarks import reference_network as reference
from voxjax.config import Hyper, VectorFeatures
from voxjax.train import ensemble, loop, sharding, step

PACKAGES = ("jax", "flax", "optax")


class Arguments(NamedTuple):
    """Those of `loop.train_step`, but for the rows of a batch."""

    program: ensemble.Program
    clips: tuple[step.Clips, ...]
    members: tuple[ensemble.MemberArrays, ...]
    states: tuple[step.State, ...]
    active: tuple[Bool[Array, " _"], ...]

    def indices(self, number: int) -> tuple[Int[Array, "_ B"], ...]:
        """The rows of a step's batch, the same for each member."""
        count = sum(len(group.member_ids) for group in self.program.groups)
        rows = [reference.batch(number)] * count
        return sharding.shard_batch(self.program, ensemble.stack(self.program.groups, rows))


def arguments(
    members: int = 1,
    mode: str = "unroll",
    member_axis: int = 1,
    data_axis: int = 1,
    options: Mapping[str, Any] = reference.OPTIONS,
) -> Arguments:
    """Fresh weights of the members, and their clips, on the devices.

    Args:
        members: equal but for their keys.
        mode: a member execution mode: `vmap`, `map` or `unroll`.
        member_axis, data_axis: of the mesh of devices.
        options: of the network.
    """
    task = network_task(options)
    mesh = sharding.mesh(member_axis, data_axis)
    program = ensemble.Program(ensemble.group_members([task] * members, mode), mesh)
    values, labels = reference.clips()
    scaler = normalize.fit(values, np.full(len(values), reference.POSITIONS), 0)
    lengths = np.full((len(values), 1), reference.POSITIONS, np.int32)
    clips = sharding.replicate(program, step.Clips(values[:, None], lengths, labels))
    each = [_member(scaler, i) for i in range(members)]
    blank = jax.tree.map(lambda x: np.zeros((1, *x.shape[1:]), x.dtype), clips)
    init = loop.init_state(mesh)
    initial = [jax.tree.map(np.array, jax.device_get(init(task, blank, one))) for one in each]
    stacks = (each, initial, [np.array(True)] * members)
    placed = [sharding.shard_members(program, ensemble.stack(program.groups, trees)) for trees in stacks]
    return Arguments(program, (clips,), *placed)


def start(members: int = 1, mode: str = "unroll", member_axis: int = 1, data_axis: int = 1) -> Callable[[], None]:
    """Weights for the members; the result is a training step of all, the first of which compiles it.

    Args: as for `arguments`.
    """
    given = arguments(members, mode, member_axis, data_axis)
    states, numbers = [given.states], itertools.count()

    def call() -> None:
        rows = given.indices(next(numbers))
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
