"""Placement of arrays on a mesh with axes `member` and `data`, over the devices of one or many hosts."""

from collections.abc import Sequence

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec
from jaxtyping import Array, Int, PyTree

from voxjax.errors import UsageError, mismatch
from voxjax.train.ensemble import Program, partition_spec


def mesh(member: int, data: int) -> Mesh:
    """A mesh of `member * data` devices of all hosts; a mesh of one device is no special case.

    Args:
        member: groups of members are divided by this.
        data: batches are divided by this.

    Raises:
        UsageError: with fewer devices, or if a process has no device of the mesh.
    """
    devices = jax.devices()
    if member * data > len(devices):
        found = f"{len(devices)} ({devices[0].platform})"
        do = "lower config.devices.member or config.devices.data"
        raise UsageError(mismatch("devices", f"at least {member} x {data} devices", found, do))
    if len({device.process_index for device in devices[: member * data]}) < jax.process_count():
        found = f"{member} x {data} of {len(devices)} devices"
        do = "raise config.devices.member or config.devices.data until they use all devices"
        raise UsageError(mismatch("devices", f"some of each of the {jax.process_count()} processes", found, do))
    chosen = np.array(devices[: member * data]).reshape(member, data)
    return Mesh(chosen, ("member", "data"), axis_types=(AxisType.Auto, AxisType.Auto))


def replicate(program: Program, tree: PyTree) -> PyTree:
    """Host arrays on every device of the mesh."""
    return _placed(tree, NamedSharding(program.mesh, PartitionSpec()))


def shard_members(program: Program, stacks: Sequence[PyTree]) -> tuple[PyTree, ...]:
    """One tree per group, leaves `[M, ...]`, each member on its own devices."""
    return tuple(
        _placed(tree, NamedSharding(program.mesh, partition_spec(program.mesh, group)))
        for group, tree in zip(program.groups, stacks, strict=True)
    )


def shard_batch(program: Program, stacks: Sequence[Int[np.ndarray, "_ B"]]) -> tuple[Int[Array, "_ B"], ...]:
    """One array per group, `[M, B]`, members and batches both divided."""
    placed = []
    for group, array in zip(program.groups, stacks, strict=True):
        spec = partition_spec(program.mesh, group)
        if program.mesh.shape["data"] > 1:
            spec = PartitionSpec(spec[0] if spec else None, "data")
        placed.append(_placed(array, NamedSharding(program.mesh, spec)))
    return tuple(placed)


def fetch(tree: PyTree) -> PyTree:
    """Device arrays as host arrays; on many hosts, each gets all of them."""
    if jax.process_count() == 1:
        return jax.device_get(tree)
    complete = jax.tree.map(lambda x: jax.device_put(x, NamedSharding(x.sharding.mesh, PartitionSpec())), tree)
    return jax.device_get(jax.tree.map(lambda x: x.addressable_data(0), complete))


def _placed(tree: PyTree, sharding: NamedSharding) -> PyTree:
    """Arrays that every process holds, placed on the mesh; each process copies what its own devices need."""
    if jax.process_count() == 1:
        return jax.device_put(tree, sharding)
    return jax.tree.map(lambda x: _placed_array(x, sharding), tree)


def _placed_array(x: Array | np.ndarray | np.number, sharding: NamedSharding) -> Array:
    if jax.dtypes.issubdtype(x.dtype, jax.dtypes.prng_key):
        return jax.random.wrap_key_data(_placed_array(jax.random.key_data(x), sharding), impl=jax.random.key_impl(x))
    array = np.asarray(x)
    return jax.make_array_from_callback(array.shape, sharding, lambda index: array[index])
