"""The type of a rule: how one primitive of JAX becomes nodes of ONNX."""

from collections.abc import Callable, Mapping
from typing import Any

from voxjax.deploy.jaxpr_to_onnx.graph import Graph, Shape, Value

Params = Mapping[str, Any]  # of the primitive
# From the graph, the primitive's parameters and operands, and its results' shapes and types, to its results.
Rule = Callable[[Graph, Params, list[Value], list[Shape], list[Any]], list[Value]]
