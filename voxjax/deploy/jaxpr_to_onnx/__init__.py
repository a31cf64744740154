"""JAX programs as ONNX graphs: the primitives that VoxJAX's models use. A new one is a rule and a row in a table.

Lengths may be symbolic (`jax.export.symbolic_shape`). Weights in half precision stay so, with a cast behind them.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from jax.extend.core import ClosedJaxpr, Jaxpr, Literal

from voxjax.deploy.jaxpr_to_onnx import elementwise, shapes, sums
from voxjax.deploy.jaxpr_to_onnx.graph import FOLDED, IR_VERSION, OPSET, Graph, Value, constant, static
from voxjax.deploy.jaxpr_to_onnx.rule import Rule
from voxjax.errors import VoxJaxError, mismatch

__all__ = ["OPSET", "model"]

_RULES: dict[str, Rule] = elementwise.RULES | shapes.RULES | sums.RULES
_INLINED = ("jaxpr", "call_jaxpr", "fun_jaxpr")  # parameters that hold the program of a call
_CALLS = ("jit", "pjit", "closed_call", "core_call", "custom_jvp_call", "custom_vjp_call", "remat", "checkpoint")


def model(program: ClosedJaxpr, input_name: str, output_name: str) -> onnx.ModelProto:
    """The ONNX model of a program with one input `[size]`, which may be symbolic, and one output.

    Raises:
        VoxJaxError: at a primitive that has no rule.
    """
    (given,) = program.in_avals
    argument = Value(given.shape, given.shape, given.dtype, input_name)
    graph = Graph()
    size = graph.nodes_of("Shape", [argument], 1)
    scalar = graph.nodes_of("Squeeze", [Value((1,), (1,), np.dtype(np.int64), size[0])], 1)
    graph.inputs[str(argument.shape[0])] = scalar[0]
    consts = [_constant(const) for const in program.consts]
    (answer,) = translated(graph, program.jaxpr, [*consts, argument])
    graph.nodes.append(onnx.helper.make_node("Identity", [graph.named(graph.expanded(answer))], [output_name]))
    ends = [
        _info(name, value.dtype, [_plain(dim) for dim in value.shape])
        for name, value in ((input_name, argument), (output_name, answer))
    ]
    made = onnx.helper.make_graph(graph.nodes, "voxjax", ends[:1], ends[1:], graph.initializers)
    opset = [onnx.helper.make_opsetid("", OPSET)]
    return onnx.helper.make_model(made, opset_imports=opset, ir_version=IR_VERSION, producer_name="voxjax")


def translated(graph: Graph, jaxpr: Jaxpr, arguments: Sequence[Value]) -> list[Value]:
    """Adds a program's nodes to a graph; its results.

    Args:
        graph: the graph.
        jaxpr: the program.
        arguments: of its constants, then its inputs.
    """
    known = dict(zip([*jaxpr.constvars, *jaxpr.invars], arguments, strict=True))

    def read(atom: Any) -> Value:
        return _literal(atom) if isinstance(atom, Literal) else known[atom]

    for equation in jaxpr.eqns:
        found = _equation(graph, equation, [read(atom) for atom in equation.invars])
        known |= zip(equation.outvars, found, strict=True)
    return [read(atom) for atom in jaxpr.outvars]


def _equation(graph: Graph, equation: Any, inputs: list[Value]) -> list[Value]:
    name, params = equation.primitive.name, equation.params
    results = [out.aval for out in equation.outvars]
    if _foldable(equation, inputs):
        arrays = [np.broadcast_to(value.array, value.shape) for value in inputs if value.array is not None]
        found = equation.primitive.bind(*arrays, **params)
        return [constant(np.asarray(one)) for one in (found if equation.primitive.multiple_results else [found])]
    if name in _CALLS:
        inner = next(params[key] for key in _INLINED if key in params)
        consts = [_constant(const) for const in getattr(inner, "consts", ())]
        return translated(graph, getattr(inner, "jaxpr", inner), [*consts, *inputs])
    if name == "scan":
        return _scan(graph, params, inputs, results)
    try:
        return _RULES[name](graph, params, inputs, [one.shape for one in results], [one.dtype for one in results])
    except (KeyError, NotImplementedError) as error:
        found_text = name if isinstance(error, KeyError) else f"{name} with {error}"
        do = "use --format=stablehlo"
        raise VoxJaxError(mismatch("ONNX", "operations that it has", found_text, do)) from error


def _foldable(equation: Any, inputs: list[Value]) -> bool:
    """Whether an equation can be computed now without a larger file."""
    results = [out.aval for out in equation.outvars]
    if not inputs or any(value.array is None for value in inputs) or not all(static(one.shape) for one in results):
        return False
    size = sum(int(np.prod(one.shape)) for one in results)
    halved = any(value.dtype == np.float16 for value in inputs)
    return size <= FOLDED or (not halved and size <= sum(int(np.prod(value.stored)) for value in inputs))


def _scan(graph: Graph, params: Any, inputs: list[Value], results: Sequence[Any]) -> list[Value]:
    """ONNX's Scan; what does not change from step to step is taken from the graph around it."""
    consts, carries = params["num_consts"], params["num_carry"]
    inner, body = params["jaxpr"], Graph(graph.root)
    fixed = [Value(value.shape, value.stored, value.dtype, graph.named(value)) for value in inputs[:consts]]
    given = [graph.expanded(value) for value in inputs[consts:]]
    own = [_argument(body, value, i < carries) for i, value in enumerate(given)]
    closed = [_constant(const) for const in inner.consts]
    outputs = [body.expanded(one) for one in translated(body, inner.jaxpr, [*closed, *fixed, *own])]
    names = [body.nodes_of("Identity", [one], 1)[0] for one in outputs]
    entering = [_info(one.name, one.dtype, None) for one in own]
    leaving = [_info(name, one.dtype, None) for name, one in zip(names, outputs, strict=True)]
    step = onnx.helper.make_graph(body.nodes, "step", entering, leaving)
    backward, scanned = int(params["reverse"]), len(given) - carries
    found = graph.nodes_of(
        "Scan",
        given,
        len(results),
        body=step,
        num_scan_inputs=scanned,
        scan_input_directions=[backward] * scanned,
        scan_output_directions=[backward] * (len(results) - carries),
    )
    return [Value(one.shape, one.shape, one.dtype, name) for one, name in zip(results, found, strict=True)]


def _argument(body: Graph, value: Value, carried: bool) -> Value:
    """An input of a loop's body: a carried value, or one step of a sequence."""
    shape = value.shape if carried else value.shape[1:]
    return Value(shape, shape, value.dtype, body.fresh("step"))


def _info(name: str, dtype: Any, shape: list[int | str] | None) -> onnx.ValueInfoProto:
    return onnx.helper.make_tensor_value_info(name, onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype)), shape)


def _literal(atom: Any) -> Value:
    return constant(np.asarray(atom.val, atom.aval.dtype))


def _constant(const: Any) -> Value:
    return constant(np.asarray(const))


def _plain(dim: Any) -> int | str:
    return int(dim) if static((dim,)) else str(dim)
