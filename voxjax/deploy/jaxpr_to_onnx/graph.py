"""An ONNX graph under construction, and the values in it."""

import ast
import dataclasses
import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import onnx

OPSET, IR_VERSION = 18, 8  # ONNX Runtime 1.14 and newer
Dim = Any  # an int, or a symbolic dimension of JAX
Shape = tuple[Dim, ...]
FOLDED = 2**14  # elements up to which constants are computed now, even where the result is larger
_SHARED_BYTES = 2**16  # equal constants up to this size are written once


@dataclasses.dataclass(frozen=True)
class Value:
    """An array of a program.

    Attributes:
        shape: in JAX.
        stored: in ONNX, of the same rank: 1 along axes where it was not yet broadcast, as most operators do that.
        dtype: of its elements.
        name: in the graph; "" for a constant that no node has used.
        array: of a constant, of shape `stored`.
        imaginary: of a complex value, whose real part this is; None for 0.
    """

    shape: Shape
    stored: Shape
    dtype: np.dtype[Any]
    name: str = ""
    array: np.ndarray | None = None
    imaginary: "Value | None" = None


def constant(array: np.ndarray | float | Sequence[int], dtype: Any = None) -> Value:
    """A constant value."""
    made = np.asarray(array, dtype)
    return Value(made.shape, made.shape, made.dtype, array=made)


def known(value: Value) -> np.ndarray:
    """The array of a constant.

    Raises:
        NotImplementedError: at any other value.
    """
    if value.array is None:
        raise NotImplementedError("an operand that is not constant")
    return value.array


def numeric(dtype: Any) -> np.dtype[Any]:
    """The type for an operator that has no bool in every runtime: int32 in place of bool."""
    return np.dtype(np.int32) if np.dtype(dtype).kind == "b" else np.dtype(dtype)


def static(shape: Shape) -> bool:
    """Whether all dimensions are known."""
    return all(isinstance(dim, (int, np.integer)) for dim in shape)


def same(a: Shape, b: Shape) -> bool:
    """Whether two shapes are the same, symbolic dimensions included."""
    return [str(dim) for dim in a] == [str(dim) for dim in b]


class Graph:
    """Nodes, constants and dimensions of one graph.

    Args:
        root: the graph around this one, of a loop's body; it holds the constants and dimensions of all.
    """

    def __init__(self, root: "Graph | None" = None) -> None:
        self.root = root or self
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []
        self.inputs: dict[str, str] = {}  # scalars of sizes, by the name of a symbolic dimension
        self._dims: dict[str, Value] = {}
        self._names: dict[bytes, str] = {}  # of small constants
        self._count = 0

    def fresh(self, hint: str) -> str:
        """A new name."""
        self.root._count += 1
        return f"{hint}_{self.root._count}"

    def named(self, value: Value) -> str:
        """The name of a value; a constant becomes an initializer."""
        if value.array is None:
            return value.name
        root, array = self.root, np.ascontiguousarray(value.array).reshape(value.array.shape)
        small = array.nbytes <= _SHARED_BYTES
        key = f"{array.dtype}{array.shape}".encode() + array.tobytes() if small else b""
        if not small or key not in root._names:
            root._names[key] = self.fresh("constant")
            root.initializers.append(onnx.numpy_helper.from_array(array, root._names[key]))
        return root._names[key]

    def nodes_of(self, op: str, inputs: Sequence[Value], outputs: int, **attributes: Any) -> list[str]:
        """Adds a node; the names of its outputs."""
        names = [self.fresh(op) for _ in range(outputs)]
        given = [self.named(value) for value in inputs]
        self.nodes.append(onnx.helper.make_node(op, given, names, **attributes))
        return names

    def node(
        self, op: str, inputs: Sequence[Value], shape: Shape, dtype: Any, stored: Shape | None = None, **attributes: Any
    ) -> Value:
        """Adds a node with one output, of this shape and type."""
        (name,) = self.nodes_of(op, inputs, 1, **attributes)
        return Value(shape, shape if stored is None else stored, np.dtype(dtype), name)

    def expanded(self, value: Value) -> Value:
        """The value in its full shape."""
        if same(value.shape, value.stored):
            return value
        return self.node("Expand", [value, self.sizes(value.shape)], value.shape, value.dtype)

    def cast(self, value: Value, dtype: Any) -> Value:
        """The value in another type."""
        if value.dtype == np.dtype(dtype):
            return value
        if value.array is not None and value.array.size <= FOLDED:
            return dataclasses.replace(value, dtype=np.dtype(dtype), array=value.array.astype(dtype))
        to = onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        return self.node("Cast", [value], value.shape, dtype, value.stored, to=to)

    def sizes(self, shape: Shape) -> Value:
        """A shape as an int64 vector."""
        if static(shape):
            return constant(np.asarray(shape, np.int64))
        parts = [self.reshaped(self.dim(dim), (1,)) for dim in shape]
        return self.root.node("Concat", parts, (len(parts),), np.int64, axis=0)

    def reshaped(self, value: Value, shape: Shape) -> Value:
        """The value in another shape; one dimension may be symbolic without being computed."""
        value = self.expanded(value)
        if value.array is not None and static(shape):
            return constant(value.array.reshape(shape))
        symbolic = [not static((dim,)) for dim in shape]
        if sum(symbolic) == 1:
            target = constant([-1 if unknown else dim for dim, unknown in zip(shape, symbolic, strict=True)], np.int64)
        else:
            target = self.sizes(shape)
        return self.node("Reshape", [value, target], shape, value.dtype)

    def dim(self, dim: Dim) -> Value:
        """A dimension as an int64 scalar, computed once."""
        if static((dim,)):
            return constant(np.asarray(dim, np.int64))
        text = str(dim)
        if text not in self.root._dims:
            self.root._dims[text] = self.root._dim(ast.parse(text, mode="eval").body)
        return self.root._dims[text]

    def _dim(self, node: ast.AST) -> Value:
        """A dimension from the syntax tree of its text."""
        if isinstance(node, ast.Constant):
            return constant(np.asarray(node.value, np.int64))
        if isinstance(node, ast.Name):
            return Value((), (), np.dtype(np.int64), self.inputs[node.id])
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            return self._arithmetic("Sub", constant(0, np.int64), self._dim(node.operand))
        if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
            return self._arithmetic(_OPERATORS[type(node.op)], self._dim(node.left), self._dim(node.right))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _FUNCTIONS:
            return _FUNCTIONS[node.func.id](self, *map(self._dim, node.args))
        raise NotImplementedError(f"a dimension {ast.unparse(node)}")

    def _arithmetic(self, op: str, a: Value, b: Value) -> Value:
        if a.array is not None and b.array is not None:
            return constant(_FOLDED[op](a.array, b.array), np.int64)
        return self.node(op, [a, b], (), np.int64)

    def _floor_divide(self, a: Value, b: Value) -> Value:
        """ONNX divides towards 0; JAX's dimensions are rounded down."""
        return self._arithmetic("Div", self._arithmetic("Sub", a, self._arithmetic("Mod", a, b)), b)


_OPERATORS: dict[type[ast.operator], str] = {ast.Add: "Add", ast.Sub: "Sub", ast.Mult: "Mul"}
_FOLDED: dict[str, Callable[[Any, Any], Any]] = {
    "Add": operator.add,
    "Sub": operator.sub,
    "Mul": operator.mul,
    "Div": operator.floordiv,
    "Mod": operator.mod,
    "Max": max,
    "Min": min,
}
_FUNCTIONS: dict[str, Callable[[Graph, Value, Value], Value]] = {
    "floordiv": Graph._floor_divide,
    "mod": lambda graph, a, b: graph._arithmetic("Mod", a, b),
    "max": lambda graph, a, b: graph._arithmetic("Max", a, b),
    "min": lambda graph, a, b: graph._arithmetic("Min", a, b),
}
