"""Primitives that move elements: shapes, order, parts."""

import dataclasses
from typing import Any

import numpy as np

from voxjax.deploy.jaxpr_to_onnx.graph import Graph, Shape, Value, constant, known, numeric, static
from voxjax.deploy.jaxpr_to_onnx.rule import Params, Rule

_LONG = 256  # longer ranges are computed, not written
_END = np.iinfo(np.int64).max


def transposed(graph: Graph, value: Value, order: tuple[int, ...]) -> Value:
    """The axes in another order."""
    shape, kept = (tuple(dims[i] for i in order) for dims in (value.shape, value.stored))
    if order == tuple(range(len(order))):
        return value
    if value.array is not None:
        return dataclasses.replace(value, shape=shape, stored=kept, array=value.array.transpose(order))
    return graph.node("Transpose", [value], shape, value.dtype, kept, perm=list(order))


def unsqueezed(graph: Graph, value: Value, axes: list[int], shape: Shape) -> Value:
    """The value with axes of size 1 at these places; `shape` is what it may be broadcast to."""
    kept = list(value.stored)
    for axis in axes:
        kept.insert(axis, 1)
    if value.array is not None:
        array = np.expand_dims(value.array, tuple(axes))
        return dataclasses.replace(value, shape=shape, stored=tuple(kept), array=array)
    if not axes:
        return dataclasses.replace(value, shape=shape)
    return graph.node("Unsqueeze", [value, constant(axes, np.int64)], shape, value.dtype, tuple(kept))


def sliced(graph: Graph, value: Value, axis: int, start: Any, end: Any, step: int, shape: Shape) -> Value:
    """A part along one axis; `start` and `end` are numbers, dimensions or int64 scalars."""
    bounds = [graph.reshaped(bound if isinstance(bound, Value) else graph.dim(bound), (1,)) for bound in (start, end)]
    fixed = [constant([number], np.int64) for number in (axis, step)]
    return graph.node("Slice", [graph.expanded(value), *bounds, *fixed], shape, value.dtype)


def _broadcast(
    graph: Graph, params: Params, inputs: list[Value], shapes: list[Shape], dtypes: list[Any]
) -> list[Value]:
    (value, *_), (shape,) = inputs, shapes
    axes = [i for i in range(len(shape)) if i not in params["broadcast_dimensions"]]
    return [unsqueezed(graph, value, axes, shape)]


def _reshape(graph: Graph, params: Params, inputs: list[Value], shapes: list[Shape], dtypes: list[Any]) -> list[Value]:
    return [graph.reshaped(inputs[0], shapes[0])]


def _squeeze(graph: Graph, params: Params, inputs: list[Value], shapes: list[Shape], dtypes: list[Any]) -> list[Value]:
    (value,), axes = inputs, [int(axis) for axis in params["dimensions"]]
    kept = tuple(dim for i, dim in enumerate(value.stored) if i not in axes)
    return [graph.node("Squeeze", [value, constant(axes, np.int64)], shapes[0], dtypes[0], kept)]


def _transpose(
    graph: Graph, params: Params, inputs: list[Value], shapes: list[Shape], dtypes: list[Any]
) -> list[Value]:
    return [transposed(graph, inputs[0], tuple(map(int, params["permutation"])))]


def _concatenate(
    graph: Graph, params: Params, inputs: list[Value], shapes: list[Shape], dtypes: list[Any]
) -> list[Value]:
    parts = [graph.expanded(value) for value in inputs]
    return [graph.node("Concat", parts, shapes[0], dtypes[0], axis=int(params["dimension"]))]


def _stack(graph: Graph, params: Params, inputs: list[Value], shapes: list[Shape], dtypes: list[Any]) -> list[Value]:
    axis, (shape,) = int(params["axis"]), shapes
    one = (*shape[:axis], 1, *shape[axis + 1 :])
    parts = [unsqueezed(graph, graph.expanded(value), [axis], one) for value in inputs]
    return [graph.node("Concat", parts, shape, dtypes[0], axis=axis)]


def _split(graph: Graph, params: Params, inputs: list[Value], shapes: list[Shape], dtypes: list[Any]) -> list[Value]:
    given = [graph.expanded(inputs[0]), constant([int(size) for size in params["sizes"]], np.int64)]
    names = graph.nodes_of("Split", given, len(shapes), axis=int(params["axis"]))
    return [Value(shape, shape, np.dtype(dtypes[0]), name) for shape, name in zip(shapes, names, strict=True)]


def _pad(graph: Graph, params: Params, inputs: list[Value], shapes: list[Shape], dtypes: list[Any]) -> list[Value]:
    value, filling = inputs
    config = params["padding_config"]
    if any(inner != 0 for _, _, inner in config):
        raise NotImplementedError("padding between elements")
    if all(str(size) == "0" for low, high, _ in config for size in (low, high)):
        return [value]
    kind = numeric(dtypes[0])  # Pad has no bool in every runtime
    sizes = graph.sizes((*(low for low, _, _ in config), *(high for _, high, _ in config)))
    given = [graph.cast(graph.expanded(value), kind), sizes, graph.cast(filling, kind)]
    return [graph.cast(graph.node("Pad", given, shapes[0], kind), dtypes[0])]


def _slice(graph: Graph, params: Params, inputs: list[Value], shapes: list[Shape], dtypes: list[Any]) -> list[Value]:
    (value,) = inputs
    steps = params["strides"] or (1,) * len(value.shape)
    bounds = zip(params["start_indices"], params["limit_indices"], steps, strict=True)
    for axis, (start, end, step) in enumerate(bounds):
        if str(start) != "0" or str(end) != str(value.shape[axis]) or step != 1:
            shape = (*value.shape[:axis], shapes[0][axis], *value.shape[axis + 1 :])
            value = sliced(graph, value, axis, start, end, int(step), shape)
    return [value]


def _dynamic_slice(
    graph: Graph, params: Params, inputs: list[Value], shapes: list[Shape], dtypes: list[Any]
) -> list[Value]:
    value, *starts = inputs
    for axis, (start, size) in enumerate(zip(starts, params["slice_sizes"], strict=True)):
        if str(size) != str(value.shape[axis]):
            first = _clipped(graph, graph.cast(start, np.int64), value.shape[axis] - size + 1)
            end = graph.node("Add", [first, graph.dim(size)], (), np.int64)
            shape = (*value.shape[:axis], size, *value.shape[axis + 1 :])
            value = sliced(graph, value, axis, first, end, 1, shape)
    return [value]


def _reverse(graph: Graph, params: Params, inputs: list[Value], shapes: list[Shape], dtypes: list[Any]) -> list[Value]:
    (value,) = inputs
    for axis in params["dimensions"]:
        value = sliced(graph, value, int(axis), -1, -_END, -1, value.shape)
    return [value]


def _iota(graph: Graph, params: Params, inputs: list[Value], shapes: list[Shape], dtypes: list[Any]) -> list[Value]:
    (shape,), axis = shapes, int(params["dimension"])
    size = shape[axis]
    if static((size,)) and size <= _LONG:
        numbers = constant(np.arange(size), dtypes[0])
    else:
        ends = [constant(0, np.int64), graph.dim(size), constant(1, np.int64)]
        numbers = graph.cast(graph.node("Range", ends, (size,), np.int64), dtypes[0])
    return [unsqueezed(graph, numbers, [i for i in range(len(shape)) if i != axis], shape)]


def _dim_as_value(
    graph: Graph, params: Params, inputs: list[Value], shapes: list[Shape], dtypes: list[Any]
) -> list[Value]:
    return [graph.cast(graph.dim(params["dim"]), dtypes[0])]


def _gather(graph: Graph, params: Params, inputs: list[Value], shapes: list[Shape], dtypes: list[Any]) -> list[Value]:
    value, index = graph.expanded(inputs[0]), graph.expanded(inputs[1])
    numbers, sizes = params["dimension_numbers"], params["slice_sizes"]
    if len(numbers.start_index_map) != 1:
        raise NotImplementedError("indices into several axes")
    axis, batch = int(numbers.start_index_map[0]), len(numbers.operand_batching_dims)
    collapsed = [int(i) for i in numbers.collapsed_slice_dims]
    whole = all(
        str(size) == str(value.shape[i]) or i == axis or i in numbers.operand_batching_dims
        for i, size in enumerate(sizes)
    )
    if not whole or (batch and tuple(map(int, numbers.operand_batching_dims)) != tuple(range(batch))):
        raise NotImplementedError("this form of indexing")
    if not collapsed:  # a part along an axis
        start = int(known(index).reshape(()))
        return [sliced(graph, value, axis, start, start + sizes[axis], 1, shapes[0])]
    index = graph.cast(index, np.int64)
    if "FILL" in str(params["mode"]) and not _inside(index, value.shape[axis]):
        if numbers.offset_dims or not np.issubdtype(dtypes[0], np.floating):
            raise NotImplementedError("indices that may be out of bounds")
        filling = np.nan if params["fill_value"] is None else params["fill_value"]
        clipped = _clipped(graph, index, value.shape[axis])
        found = _taken(graph, value, clipped, axis, batch, numbers, shapes[0])
        inside = graph.node("Equal", [index, clipped], index.shape, bool)
        return [
            graph.node(
                "Where", [graph.reshaped(inside, shapes[0]), found, constant(filling, dtypes[0])], shapes[0], dtypes[0]
            )
        ]
    if "CLIP" in str(params["mode"]):
        index = _clipped(graph, index, value.shape[axis])
    return [_taken(graph, value, index, axis, batch, numbers, shapes[0])]


def _taken(graph: Graph, value: Value, index: Value, axis: int, batch: int, numbers: Any, shape: Shape) -> Value:
    """Elements at int64 indices `[..., 1]` within bounds."""
    if batch:
        if axis != batch or tuple(map(int, numbers.start_indices_batching_dims)) != tuple(range(batch)):
            raise NotImplementedError("this form of batched indexing")
        return graph.node("GatherND", [value, index], shape, value.dtype, batch_dims=batch)
    index = graph.reshaped(index, index.shape[:-1])
    found = (*value.shape[:axis], *index.shape, *value.shape[axis + 1 :])
    taken = graph.node("Gather", [value, index], found, value.dtype, axis=axis)
    offset = [int(i) for i in numbers.offset_dims]
    rest = iter(i for i in range(len(found)) if i not in offset)
    places = [*offset[:axis], *(next(rest) for _ in index.shape), *offset[axis:]]  # in JAX's result
    return transposed(graph, taken, tuple(int(i) for i in np.argsort(places)))


def _inside(index: Value, size: Any) -> bool:
    """Whether indices are known to be within bounds."""
    return index.array is not None and static((size,)) and index.array.min() >= 0 and index.array.max() < size


def _clipped(graph: Graph, index: Value, size: Any) -> Value:
    """Indices moved to the nearest within bounds."""
    if _inside(index, size):
        return index
    last = graph.dim(size - 1)
    raised = graph.node("Max", [index, constant(0, np.int64)], index.shape, np.int64)
    return graph.node("Min", [raised, last], index.shape, np.int64)


RULES: dict[str, Rule] = {
    "broadcast_in_dim": _broadcast,
    "concatenate": _concatenate,
    "dim_as_value": _dim_as_value,
    "dynamic_slice": _dynamic_slice,
    "gather": _gather,
    "iota": _iota,
    "pad": _pad,
    "reshape": _reshape,
    "rev": _reverse,
    "slice": _slice,
    "split": _split,
    "squeeze": _squeeze,
    "stack": _stack,
    "transpose": _transpose,
}
