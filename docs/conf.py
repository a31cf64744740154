"""The manual as a site: sphinx-build -W --keep-going -b html docs OUT."""

import sys
from pathlib import Path
from typing import Any

from pygments.lexers import TextLexer

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "docs/extensions")]

from voxjax.version import __version__  # noqa: E402, found by the line above

project = "VoxJAX"
author = "The VoxJAX authors"
copyright = "The VoxJAX authors, Apache-2.0"
release = version = __version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    # In docs/extensions:
    "command_flags",
    "fields",
    "glossary_links",
    "reference_pages",
    "repository_files",
]
exclude_patterns = ["examples/*", "pictures/*", "results/*", "extensions/*"]
highlight_language = "text"  # of blocks without a language

myst_heading_anchors = 4  # the anchors that GitHub makes

# The reference, from docstrings.
default_role = "literal"  # they write `[B, T]` with one backtick
add_module_names = False
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
autodoc_typehints_format = "short"
python_maximum_signature_line_length = 100
toc_object_entries = False  # each page would carry the names of the whole reference
viewcode_line_numbers = True

html_theme = "furo"
html_title = f"VoxJAX {release}"
html_copy_source = False
html_show_sphinx = False
html_static_path = ["extensions/static"]
html_css_files = ["manual.css"]


def setup(app: Any) -> None:
    """Called by Sphinx: languages of code blocks that Pygments does not know are plain text."""
    for language in ("csv", "spss"):
        app.add_lexer(language, TextLexer)
