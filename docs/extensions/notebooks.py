"""Notebooks as Markdown, for the manual's site."""

import json
from pathlib import Path


def as_markdown(path: Path) -> str:
    """The cells of a notebook: Markdown as it is, code as blocks of Python, or of bash after `%%bash`."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return "\n\n".join(_cell(cell["cell_type"], "".join(cell["source"])) for cell in cells) + "\n"


def _cell(kind: str, text: str) -> str:
    if kind == "markdown":
        return text
    language = "bash" if text.startswith("%%bash\n") else "python"
    return f"```{language}\n{text.removeprefix('%%bash').strip()}\n```"
