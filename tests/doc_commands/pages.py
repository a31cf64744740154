"""The code blocks and commands of the documentation, read from the pages themselves.

Pages are found by their names, so a new page is read without being listed anywhere.
"""

import ast
import re
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
PAGES = ("README.md", "CONTRIBUTING.md", "docs/**/*.md", "checkpoints/*/README.md", "checkpoints/README.md")
HEADERS = ("configs/*.py", "voxjax/cli/commands/*.py")  # modules whose docstring names their command
INSTALL = r"^pip install [^&]*&& "  # at the beginning of a command; left out, as .ci/run installs
BUILT = "_build"  # Sphinx's output below docs/

_FENCE = re.compile(r"^(?P<indent> *)(?P<marks>```+|~~~+)(?P<info>[^\n`]*)\n(?P<body>.*?)^ *(?P=marks) *$", re.M | re.S)
_DIRECTIVE = re.compile(r"\{(?:code-block|code|sourcecode)\} *(\w*)")
_INLINE = re.compile(r"`((?:voxjax|python|pip|make|streamlit|node|curl)\s[^`]+)`")
_STARTS = ("voxjax ", "python ", "pip ", "curl ")


class Block(NamedTuple):
    """A code block, or a command that stands in a sentence, a table or the docstring of a module."""

    page: str  # relative to the repository
    line: int  # of its first line of code
    language: str  # as written after the fence, "" without one
    text: str
    inline: bool = False

    @property
    def place(self) -> str:
        return f"{self.page}:{self.line}"


class Command(NamedTuple):
    """One line of a shell block, with its continuations joined and its comment removed."""

    block: Block
    text: str


def pages(root: Path = ROOT) -> list[Path]:
    """All pages, each once, sorted."""
    found = {path for pattern in PAGES for path in root.glob(pattern)}
    return sorted(path for path in found if BUILT not in path.parts)


def blocks(root: Path = ROOT) -> list[Block]:
    """The blocks of all pages and headers, in their order."""
    found = [block for path in pages(root) for block in of_page(path.read_text(), str(path.relative_to(root)))]
    for path in sorted(path for pattern in HEADERS for path in root.glob(pattern)):
        found += of_module(path.read_text(), str(path.relative_to(root)))
    return found


def of_page(text: str, page: str) -> list[Block]:
    """The fenced blocks of a page, and the commands in its sentences and tables."""
    found = []
    for fence in _FENCE.finditer(text):
        language = fence["info"].strip()
        if language.startswith("{"):
            code = _DIRECTIVE.match(language)
            if code is None:
                continue  # a note, a table of contents or a figure
            language = code[1]
        indent = len(fence["indent"])
        lines = [line[indent:] for line in fence["body"].splitlines() if not re.match(r" *:\w+:", line)]
        line = text.count("\n", 0, fence.start()) + 2
        found.append(Block(page, line, language.split(" ")[0], "\n".join(lines)))
    prose = _FENCE.sub(lambda fence: "\n" * fence[0].count("\n"), text)
    for code in _INLINE.finditer(prose):
        line = prose.count("\n", 0, code.start()) + 1
        found.append(Block(page, line, "bash", " ".join(code[1].split()), inline=True))
    return sorted(found, key=lambda block: block.line)


def of_module(text: str, page: str) -> list[Block]:
    """The commands in the docstring of a module: its lines that begin as a command does."""
    docstring = ast.get_docstring(ast.parse(text)) or ""
    lines = [" ".join(line.split()) for line in docstring.splitlines() if line.startswith(_STARTS)]
    return [Block(page, 1, "bash", line) for line in lines]


def commands(block: Block) -> list[Command]:
    """The commands of a shell block, one each line; a script with `#!` is one command."""
    if block.text.startswith("#!"):
        return [Command(block, block.text)]
    joined = re.sub(r"\\\n\s*", " ", block.text)
    bare = (re.sub(r"(^|\s)#.*", "", line).rstrip() for line in joined.splitlines())
    return [Command(block, re.sub(r"  +", " ", line.strip())) for line in bare if line.strip()]


def shell(all_blocks: list[Block]) -> list[Command]:
    """The commands of all shell blocks, each text once."""
    found = [command for block in all_blocks if block.language == "bash" for command in commands(block)]
    return list({command.text: command for command in reversed(found)}.values())[::-1]


def commands_in(text: str) -> list[str]:
    """Lines of a block of another language that begin as a command does."""
    return [line for line in text.splitlines() if line.startswith(_STARTS)]
