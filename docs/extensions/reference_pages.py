"""The directive `modules`: the reference of a package, module by module, from its docstrings.

    ```{modules} voxjax.metrics
    ```

A module without public names of its own is left out.
"""

import ast
import importlib.util
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective


class Modules(SphinxDirective):
    """A heading and the reference of each module of a package, or of a single module."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        lines = [line for name in modules(self.arguments[0]) for line in _section(name)]
        return self.parse_text_to_nodes("\n".join(lines), allow_section_headings=True)


def modules(name: str) -> list[str]:
    """A module, or a package and its modules, as far as they define public names."""
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        raise ValueError(f"modules: expected the name of a module, found '{name}'")
    path = Path(spec.origin)
    if path.name != "__init__.py":
        return [name]
    inner = [f"{name}.{one.stem}" for one in sorted(path.parent.glob("*.py")) if one.stem != "__init__"]
    return [one for one in (name, *inner) if _has_public_names(one)]


def _has_public_names(name: str) -> bool:
    spec = importlib.util.find_spec(name)
    assert spec is not None and spec.origin is not None
    defined = ast.parse(Path(spec.origin).read_text(encoding="utf-8")).body
    return any(isinstance(one, (ast.FunctionDef, ast.ClassDef)) and one.name[0] != "_" for one in defined)


def _section(name: str) -> list[str]:
    options = ["   :members:", "   :ignore-module-all:"]
    return [f"## {name}", "", "```{eval-rst}", f".. automodule:: {name}", *options, "```", ""]


def setup(app: Sphinx) -> dict[str, Any]:
    """Called by Sphinx."""
    app.add_directive("modules", Modules)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
