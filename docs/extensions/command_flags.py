"""The directive `command-flags`: the flags of every command of `voxjax`, as `voxjax NAME --help` lists them."""

import importlib
from typing import Any

from absl import flags
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from voxjax.cli import entrypoint, help, main


class CommandFlags(SphinxDirective):
    """A section for each command: what its module says, and a table of its flags."""

    def run(self) -> list[nodes.Node]:
        lines = [line for name in main.COMMANDS for line in section(name)]
        return self.parse_text_to_nodes("\n".join(lines), allow_section_headings=True)


def section(name: str) -> list[str]:
    """The page of a command. absl has one table for a process, so the command's own flags are removed again."""
    module = importlib.import_module(f"voxjax.cli.commands.{name}")
    text = help.page(flags.FLAGS, module, f"voxjax {name}", entrypoint.__name__, "")
    about, _, listed = text.partition("\n\nusage:")
    for flag in flags.FLAGS.get_key_flags_for_module(module):
        if flags.FLAGS.find_module_defining_flag(flag.name) == module.__name__:
            delattr(flags.FLAGS, flag.name)
    return [f"## voxjax {name}", "", "```text", about, "", listed.partition("\n\n")[2], "```", ""]


def setup(app: Sphinx) -> dict[str, Any]:
    """Called by Sphinx."""
    app.add_directive("command-flags", CommandFlags)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
