"""Fields of dataclasses and named tuples, with the comments beside them, in the reference and as tables.

    ```{config-values} voxjax.config.TrainConfig train
    ```

is a table of a config's values: key, default, range, and what the comment says.
"""

import ast
import dataclasses
import importlib
import inspect
import math
import re
import textwrap
from typing import Any, NamedTuple

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

_INTERNAL = re.compile(r"\bjaxlib\._jax\.|\bnumpy\.(?=ndarray)|\bjax\._src\.\w+\.")  # modules in the names of types


class Field(NamedTuple):
    """A field as its class defines it."""

    name: str
    type: str
    default: str  # as source; empty without one
    allowed: str  # a range or choices, where the class states them
    comment: str  # behind it, else above it


def fields(kind: type) -> list[Field]:
    """The fields of a class in their order, from its source."""
    lines = textwrap.dedent(inspect.getsource(kind)).splitlines()
    (found,) = ast.parse("\n".join(lines)).body
    assert isinstance(found, ast.ClassDef)
    assigned = [one for one in found.body if isinstance(one, ast.AnnAssign) and isinstance(one.target, ast.Name)]
    return [_field(one, lines) for one in assigned]


def _field(node: ast.AnnAssign, lines: list[str]) -> Field:
    assert isinstance(node.target, ast.Name)
    default, allowed = _default(node.value)
    type_name = ast.unparse(node.annotation)
    return Field(node.target.id, type_name, default, allowed, _comment(node, lines))


def _comment(node: ast.AnnAssign, lines: list[str]) -> str:
    """The comment on the lines of a field, else the lines of comment above it."""
    last = lines[(node.end_lineno or node.lineno) - 1][node.end_col_offset :]
    if "#" in last:
        return last.partition("#")[2].strip()
    inside = [line.partition("#")[2] for line in lines[node.lineno - 1 : node.end_lineno] if "#" in line]
    above: list[str] = []
    for line in reversed(lines[: node.lineno - 1]):
        if not line.strip().startswith("#"):
            break
        above.insert(0, line.strip().removeprefix("#"))
    return " ".join(part.strip() for part in inside or above)


def _default(value: ast.expr | None) -> tuple[str, str]:
    """The default and what is allowed: of `number(1e-3, 0.0, 10.0)` "0.001" and "0 to 10"."""
    if value is None:
        return "", ""
    if not isinstance(value, ast.Call):
        return ast.unparse(value), ""
    name, arguments = ast.unparse(value.func), [ast.unparse(one) for one in value.args]
    if name == "number":
        first = ast.literal_eval(value.args[0])
        lowest, highest = (math.inf if end == "math.inf" else _number(end) for end in arguments[1:3])
        return str(first), f"{lowest:,} or more" if highest == math.inf else f"{lowest:,} to {highest:,}"
    if name == "choice":
        return arguments[0].strip("'"), ", ".join(one.strip("'") for one in arguments[1:])
    factory = next((ast.unparse(word.value) for word in value.keywords if word.arg == "default_factory"), "")
    return {"dict": "{}", "": ast.unparse(value)}.get(factory, f"{factory}()"), ""


def _number(source: str) -> float:
    """A number of a source, as `65_536`, `1e-6` or `2**31 - 1`."""
    value = eval(source, {"__builtins__": {}})
    return int(value) if value == int(value) else float(value)


class ConfigValues(SphinxDirective):
    """A table of the values of a config class; the second argument is the prefix of its keys."""

    required_arguments = 1
    optional_arguments = 1

    def run(self) -> list[nodes.Node]:
        module, _, name = self.arguments[0].rpartition(".")
        prefix = f"{self.arguments[1]}." if len(self.arguments) > 1 else ""
        rows = ["| key | default | allowed | meaning |", "|---|---|---|---|"]
        for one in fields(getattr(importlib.import_module(module), name)):
            if one.default.endswith("()"):
                continue  # a class of its own, with a table of its own
            default = one.default.strip("'")
            cells = (f"`{prefix}{one.name}`", f"`{default}`" if default else "empty", one.allowed, one.comment)
            rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
        return self.parse_text_to_nodes("\n".join(rows))


def _is_record(kind: Any) -> bool:
    return isinstance(kind, type) and (dataclasses.is_dataclass(kind) or hasattr(kind, "_fields"))


def describe(app: Sphinx, what: str, name: str, kind: Any, options: Any, lines: list[str]) -> None:
    """Adds the fields of a record to its docstring, each with type, default and comment."""
    if what != "class" or not _is_record(kind):
        return
    found = fields(kind)
    lines += [""] if found else []
    for one in found:
        default = f" = ``{one.default}``" if one.default else ""
        allowed = f" ({one.allowed})" if one.allowed else ""
        comment = f": {one.comment}" if one.comment else ""
        lines += [f"- **{one.name}** (``{one.type}``{default}){allowed}{comment}", ""]


def signature(
    app: Sphinx, what: str, name: str, kind: Any, options: Any, arguments: str | None, returned: str | None
) -> tuple[str | None, str | None] | None:
    """Leaves out the signature of a record, whose fields are listed; arrays have their public names elsewhere."""
    if what == "class" and _is_record(kind):
        return "", None
    return tuple(text and _INTERNAL.sub("", text) for text in (arguments, returned))


def without_fields(app: Sphinx, what: str, name: str, member: Any, skip: bool, options: Any) -> bool | None:
    """Leaves out members that only repeat a field of a named tuple, and what Flax and dataclasses add."""
    generated = type(member).__name__ == "_tuplegetter" or name in ("parent", "name", "scope")
    return True if generated else None


def setup(app: Sphinx) -> dict[str, Any]:
    """Called by Sphinx."""
    app.add_directive("config-values", ConfigValues)
    app.connect("autodoc-process-docstring", describe, priority=600)  # after napoleon
    app.connect("autodoc-process-signature", signature)
    app.connect("autodoc-skip-member", without_fields)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
