"""Elementwise primitives. ONNX broadcasts their operands as NumPy does."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from voxjax.deploy.jaxpr_to_onnx.graph import Graph, Shape, Value, constant, numeric
from voxjax.deploy.jaxpr_to_onnx.rule import Params, Rule


def apply(graph: Graph, op: str, inputs: Sequence[Value], shape: Shape, dtype: Any, **attributes: Any) -> Value:
    """Adds an elementwise node for a result of this shape, which need not be broadcast yet."""
    return graph.node(op, inputs, shape, dtype, stored(inputs, len(shape)), **attributes)


def stored(inputs: Sequence[Value], rank: int) -> Shape:
    """The shape that operands of this rank, or scalars, broadcast to in ONNX."""
    dims: list[Any] = [1] * rank
    for value in inputs:
        for i, dim in enumerate(value.stored, rank - len(value.stored)):
            dims[i] = dim if str(dim) != "1" else dims[i]
    return tuple(dims)


def _plain(op: str, **attributes: Any) -> Rule:
    """A primitive that is one node."""

    def rule(graph: Graph, params: Params, inputs: list[Value], shapes: list[Shape], dtypes: list[Any]) -> list[Value]:
        return [apply(graph, op, inputs, shapes[0], dtypes[0], **attributes)]

    return rule


def _with_number(op: str, number: float, first: Rule) -> Rule:
    """A primitive that is `first`, then `number op x`."""

    def rule(graph: Graph, params: Params, inputs: list[Value], shapes: list[Shape], dtypes: list[Any]) -> list[Value]:
        (inner,) = first(graph, params, inputs, shapes, dtypes)
        return [apply(graph, op, [constant(number, dtypes[0]), inner], shapes[0], dtypes[0])]

    return rule


def _not_equal(
    graph: Graph, params: Params, inputs: list[Value], shapes: list[Shape], dtypes: list[Any]
) -> list[Value]:
    equal = apply(graph, "Equal", inputs, shapes[0], bool)
    return [apply(graph, "Not", [equal], shapes[0], bool)]


def _square(graph: Graph, params: Params, inputs: list[Value], shapes: list[Shape], dtypes: list[Any]) -> list[Value]:
    return [apply(graph, "Mul", inputs * 2, shapes[0], dtypes[0])]


def _integer_pow(
    graph: Graph, params: Params, inputs: list[Value], shapes: list[Shape], dtypes: list[Any]
) -> list[Value]:
    return [apply(graph, "Pow", [*inputs, constant(params["y"], dtypes[0])], shapes[0], dtypes[0])]


def _is_finite(
    graph: Graph, params: Params, inputs: list[Value], shapes: list[Shape], dtypes: list[Any]
) -> list[Value]:
    parts = [apply(graph, op, inputs, shapes[0], bool) for op in ("IsInf", "IsNaN")]
    return [apply(graph, "Not", [apply(graph, "Or", parts, shapes[0], bool)], shapes[0], bool)]


def _select(graph: Graph, params: Params, inputs: list[Value], shapes: list[Shape], dtypes: list[Any]) -> list[Value]:
    which, *cases = inputs
    if which.dtype != bool or len(cases) != 2:
        raise NotImplementedError("a choice among more than two")
    kind = numeric(dtypes[0])  # Where has no bool in every runtime
    if_false, if_true = (graph.cast(case, kind) for case in cases)
    return [graph.cast(apply(graph, "Where", [which, if_true, if_false], shapes[0], kind), dtypes[0])]


def _clamp(graph: Graph, params: Params, inputs: list[Value], shapes: list[Shape], dtypes: list[Any]) -> list[Value]:
    low, value, high = inputs
    raised = apply(graph, "Max", [value, low], shapes[0], dtypes[0])
    return [apply(graph, "Min", [raised, high], shapes[0], dtypes[0])]


def _converted(
    graph: Graph, params: Params, inputs: list[Value], shapes: list[Shape], dtypes: list[Any]
) -> list[Value]:
    (value,) = inputs
    return [value if np.issubdtype(dtypes[0], np.complexfloating) else graph.cast(value, dtypes[0])]


def _identity(graph: Graph, params: Params, inputs: list[Value], shapes: list[Shape], dtypes: list[Any]) -> list[Value]:
    return list(inputs)


RULES: dict[str, Rule] = {
    "abs": _plain("Abs"),
    "add": _plain("Add"),
    "and": _plain("And"),
    "ceil": _plain("Ceil"),
    "clamp": _clamp,
    "convert_element_type": _converted,
    "copy": _identity,
    "cos": _plain("Cos"),
    "device_put": _identity,
    "div": _plain("Div"),
    "eq": _plain("Equal"),
    "erf": _plain("Erf"),
    "erfc": _with_number("Sub", 1.0, _plain("Erf")),
    "exp": _plain("Exp"),
    "floor": _plain("Floor"),
    "ge": _plain("GreaterOrEqual"),
    "gt": _plain("Greater"),
    "integer_pow": _integer_pow,
    "is_finite": _is_finite,
    "le": _plain("LessOrEqual"),
    "log": _plain("Log"),
    "logistic": _plain("Sigmoid"),
    "lt": _plain("Less"),
    "max": _plain("Max"),
    "min": _plain("Min"),
    "mul": _plain("Mul"),
    "ne": _not_equal,
    "neg": _plain("Neg"),
    "not": _plain("Not"),
    "optimization_barrier": _identity,
    "or": _plain("Or"),
    "pow": _plain("Pow"),
    "rem": _plain("Mod", fmod=1),
    "rsqrt": _with_number("Div", 1.0, _plain("Sqrt")),
    "select_n": _select,
    "sign": _plain("Sign"),
    "sin": _plain("Sin"),
    "sqrt": _plain("Sqrt"),
    "square": _square,
    "stop_gradient": _identity,
    "sub": _plain("Sub"),
    "tanh": _plain("Tanh"),
}
