"""Primitives that add up: reductions, products of matrices, convolutions, Fourier transforms."""

import dataclasses
import math
from typing import Any

import numpy as np
from jax.lax import FftType

from voxjax.deploy.jaxpr_to_onnx import elementwise
from voxjax.deploy.jaxpr_to_onnx.graph import Graph, Shape, Value, constant, numeric
from voxjax.deploy.jaxpr_to_onnx.rule import Params, Rule
from voxjax.deploy.jaxpr_to_onnx.shapes import sliced, transposed


def _reduction(op: str) -> Rule:
    def rule(graph: Graph, params: Params, inputs: list[Value], shapes: list[Shape], dtypes: list[Any]) -> list[Value]:
        kind = numeric(dtypes[0])
        axes = constant([int(axis) for axis in params["axes"]], np.int64)
        given = [graph.cast(graph.expanded(inputs[0]), kind), axes]
        return [graph.cast(graph.node(op, given, shapes[0], kind, keepdims=0), dtypes[0])]

    return rule


def _index_of(op: str) -> Rule:
    def rule(graph: Graph, params: Params, inputs: list[Value], shapes: list[Shape], dtypes: list[Any]) -> list[Value]:
        (axis,) = params["axes"]
        found = graph.node(op, [graph.expanded(inputs[0])], shapes[0], np.int64, axis=int(axis), keepdims=0)
        return [graph.cast(found, dtypes[0])]

    return rule


def _dot_general(
    graph: Graph, params: Params, inputs: list[Value], shapes: list[Shape], dtypes: list[Any]
) -> list[Value]:
    left, right = (graph.expanded(value) for value in inputs)
    (over_left, over_right), (batch_left, batch_right) = params["dimension_numbers"]
    plain = not batch_left and tuple(over_left) == (len(left.shape) - 1,) and tuple(over_right) == (0,)
    if plain and len(right.shape) == 2:
        return [graph.node("MatMul", [left, right], shapes[0], dtypes[0])]
    free_left = [i for i in range(len(left.shape)) if i not in (*over_left, *batch_left)]
    free_right = [i for i in range(len(right.shape)) if i not in (*over_right, *batch_right)]
    if len(over_left) > 1 or len(free_left) > 1 or len(free_right) > 1 or not (free_left and free_right):
        equation = _equation(params["dimension_numbers"], len(left.shape), len(right.shape))
        return [graph.node("Einsum", [left, right], shapes[0], dtypes[0], equation=equation)]
    left = transposed(graph, left, (*batch_left, *free_left, *over_left))
    right = transposed(graph, right, (*batch_right, *over_right, *free_right))
    return [graph.node("MatMul", [left, right], shapes[0], dtypes[0])]


def _equation(dimension_numbers: Any, rank_left: int, rank_right: int) -> str:
    """The product as Einstein's notation."""
    (over_left, over_right), (batch_left, batch_right) = dimension_numbers
    left, right = list("abcdefghijklm"[:rank_left]), list("nopqrstuvwxyz"[:rank_right])
    for i, j in zip((*over_left, *batch_left), (*over_right, *batch_right), strict=True):
        right[j] = left[i]
    free_left = [name for i, name in enumerate(left) if i not in (*over_left, *batch_left)]
    free_right = [name for i, name in enumerate(right) if i not in (*over_right, *batch_right)]
    return f"{''.join(left)},{''.join(right)}->{''.join([*(left[i] for i in batch_left), *free_left, *free_right])}"


def _convolution(
    graph: Graph, params: Params, inputs: list[Value], shapes: list[Shape], dtypes: list[Any]
) -> list[Value]:
    numbers, padding = params["dimension_numbers"], params["padding"]
    if any(step != 1 for step in params["lhs_dilation"]) or params["batch_group_count"] != 1:
        raise NotImplementedError("a transposed or batch-grouped convolution")
    signal = transposed(graph, graph.expanded(inputs[0]), tuple(numbers.lhs_spec))
    kernel = transposed(graph, graph.expanded(inputs[1]), tuple(numbers.rhs_spec))
    found = graph.node(
        "Conv",
        [signal, kernel],
        tuple(shapes[0][i] for i in numbers.out_spec),
        dtypes[0],
        strides=[int(step) for step in params["window_strides"]],
        pads=[int(low) for low, _ in padding] + [int(high) for _, high in padding],
        dilations=[int(step) for step in params["rhs_dilation"]],
        group=int(params["feature_group_count"]),
    )
    return [transposed(graph, found, tuple(int(i) for i in np.argsort(numbers.out_spec)))]


def _fourier(graph: Graph, params: Params, inputs: list[Value], shapes: list[Shape], dtypes: list[Any]) -> list[Value]:
    (value,), kind = inputs, params["fft_type"]
    (size,) = params["fft_lengths"]
    if kind == FftType.IRFFT and value.imaginary is None:
        return [_inverse_of_real(graph, value, int(size), shapes[0])]
    if kind == FftType.RFFT:
        real, imaginary = _spectrum(graph, graph.expanded(value), int(size), shapes[0])
        return [dataclasses.replace(real, imaginary=imaginary)]
    raise NotImplementedError(f"a Fourier transform of kind {kind!r}")


def _spectrum(graph: Graph, value: Value, size: int, shape: Shape) -> tuple[Value, Value]:
    """Real and imaginary parts of the first half of the spectrum of a real signal, over the last axis.

    ONNX's own operator is slow on the CPU. With `size = rows * columns`, sample `columns * i + j` and bin
    `k + rows * l`, it is two products with small matrices, and a rotation between them (Cooley and Tukey 1965).
    """
    lead, half = shape[:-1], size // 2 + 1
    rows = max(i for i in range(1, math.isqrt(size) + 1) if size % i == 0)
    columns, blocks = size // rows, -(-half // rows)
    n = len(lead)
    swap = (*range(n), n + 1, n)
    signal = transposed(graph, graph.reshaped(value, (*lead, rows, columns)), swap)  # [..., j, i]
    mixed, cut = (*lead, columns, rows), (*lead, rows, blocks)
    real, imaginary = (_times(graph, signal, part, mixed) for part in _rotations(rows, rows, rows))  # [..., j, k]
    turned = _multiplied(graph, (real, imaginary), _rotations(columns, rows, size), mixed)
    real, imaginary = (transposed(graph, part, swap) for part in turned)  # [..., k, j]
    cosine, sine = _rotations(columns, blocks, columns)
    parts = (
        _combined(graph, "Sub", [_times(graph, real, cosine, cut), _times(graph, imaginary, sine, cut)], cut),
        _combined(graph, "Add", [_times(graph, real, sine, cut), _times(graph, imaginary, cosine, cut)], cut),
    )  # [..., k, l]
    flat = (graph.reshaped(transposed(graph, part, swap), (*lead, blocks * rows)) for part in parts)
    real, imaginary = (sliced(graph, part, n, 0, half, 1, shape) for part in flat)
    return real, imaginary


def _rotations(rows: int, columns: int, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Cosine and sine of `-2 pi i j / size`: float64 `[rows, columns]`."""
    phase = -2 * np.pi * (np.outer(np.arange(rows), np.arange(columns)) % size) / size
    return np.cos(phase), np.sin(phase)


def _times(graph: Graph, value: Value, matrix: np.ndarray, shape: Shape) -> Value:
    return graph.node("MatMul", [value, constant(matrix, np.float32)], shape, np.float32)


def _combined(graph: Graph, op: str, inputs: list[Value], shape: Shape) -> Value:
    return elementwise.apply(graph, op, inputs, shape, np.float32)


def _multiplied(
    graph: Graph, value: tuple[Value, Value], factor: tuple[np.ndarray, np.ndarray], shape: Shape
) -> tuple[Value, Value]:
    """The product of complex values, each as its real and imaginary parts."""
    (a, b), (c, d) = value, (constant(part, np.float32) for part in factor)
    ac, bd, ad, bc = (_combined(graph, "Mul", list(pair), shape) for pair in ((a, c), (b, d), (a, d), (b, c)))
    return _combined(graph, "Sub", [ac, bd], shape), _combined(graph, "Add", [ad, bc], shape)


def _inverse_of_real(graph: Graph, value: Value, size: int, shape: Shape) -> Value:
    """The signal of a real spectrum, which is even: the transform of the whole spectrum, divided by its length."""
    value, last, half = graph.expanded(value), len(shape) - 1, size // 2 + 1
    middle = sliced(graph, value, last, size // 2 - 1, 0, -1, (*shape[:-1], half - 2))
    whole = graph.node("Concat", [value, middle], shape, np.float32, axis=last)
    found, _ = _spectrum(graph, whole, size, (*shape[:-1], half))
    mirrored = sliced(graph, found, last, size // 2 - 1, 0, -1, (*shape[:-1], half - 2))
    signal = graph.node("Concat", [found, mirrored], shape, np.float32, axis=last)
    return elementwise.apply(graph, "Div", [signal, constant(size, np.float32)], shape, np.float32)


def _real(graph: Graph, params: Params, inputs: list[Value], shapes: list[Shape], dtypes: list[Any]) -> list[Value]:
    return [dataclasses.replace(inputs[0], imaginary=None)]


def _imaginary(
    graph: Graph, params: Params, inputs: list[Value], shapes: list[Shape], dtypes: list[Any]
) -> list[Value]:
    if inputs[0].imaginary is None:
        raise NotImplementedError("the imaginary part of a real value")
    return [inputs[0].imaginary]


RULES: dict[str, Rule] = {
    "argmax": _index_of("ArgMax"),
    "argmin": _index_of("ArgMin"),
    "conv_general_dilated": _convolution,
    "dot_general": _dot_general,
    "fft": _fourier,
    "imag": _imaginary,
    "real": _real,
    "reduce_and": _reduction("ReduceMin"),
    "reduce_max": _reduction("ReduceMax"),
    "reduce_min": _reduction("ReduceMin"),
    "reduce_or": _reduction("ReduceMax"),
    "reduce_prod": _reduction("ReduceProd"),
    "reduce_sum": _reduction("ReduceSum"),
}
