"""Links from the manual to files of the repository: each such file becomes a page, or a copy, of the site.

On GitHub `../voxjax/train/step.py` leads to the file. In the site it leads to `files/voxjax/train/step.py.html`, code
with colours; Markdown is rendered, a folder is listed, JSON is copied as it is.
"""

import html
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from docutils import nodes
from markdown_it import MarkdownIt
from mdit_py_plugins.front_matter import front_matter_plugin
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import TextLexer, get_lexer_by_name, get_lexer_for_filename
from pygments.util import ClassNotFound
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform
from sphinx.util.osutil import relative_uri

from notebooks import as_markdown

ROOT = Path(__file__).resolve().parents[2]
PAGES = {"README.md": "index", "CHANGELOG.md": "changelog", "CONTRIBUTING.md": "contributing"}  # pages of their own
COPIED = {".json", ".jsonl", ".png", ".svg"}  # browsers show them
SHOWN = {".ipynb", ".py", ".mjs", ".md", ".txt", ".toml", ".cfg", ".service", ".rttm", ".tex", ""}
_KEY = "repository_files"  # of Sphinx's metadata of a page
_STYLED = {  # as the theme styles them
    "<table>": '<div class="table-wrapper docutils container"><table class="docutils align-default">',
    "</table>": "</table></div>",
    "<pre>": '<div class="highlight"><pre>',
    "</pre>": "</pre></div>",
}
_LINK = re.compile(r"\]\((?!http|#)([^)#]+)")


class RepositoryLinks(SphinxTransform):
    """Turns links to files that are no pages of the manual into links to their pages in the site."""

    default_priority = 5  # before downloads are collected

    def apply(self, **kwargs: Any) -> None:
        found = [*self.document.findall(addnodes.download_reference), *self.document.findall(addnodes.pending_xref)]
        for node in found:
            if node.get("reftype") == "myst":
                self._replace(node)

    def _replace(self, node: nodes.Element) -> None:
        page = self.env.docname
        target, _, anchor = node["reftarget"].partition("#")
        path = file(Path(self.env.doc2path(page)), target)
        if path is None:
            return  # an anchor, or a mistake that MyST reports
        own = page_of_manual(path)
        if own:  # MyST resolves it, with its anchor
            about = {"refdomain": "doc", "reftype": "myst", "refdoc": page, "refexplicit": True}
            anchor = node.get("reftargetid") or anchor or None
            link = addnodes.pending_xref("", *node.children, reftarget=own, reftargetid=anchor, **about)
            node.replace_self(link)
            return
        files = self.env.metadata[page].setdefault(_KEY, [])
        files.append(path.relative_to(ROOT).as_posix())
        reference = nodes.reference("", "", *node.children, internal=True)
        reference["refuri"] = relative_uri(f"{page}.html", address(path))
        node.replace_self(reference)


def file(page: Path, target: str) -> Path | None:
    """What a link of a page leads to: from its folder, or from the top, for pages that include a file from there."""
    if not target:
        return None
    for place in (page.parent / target, page.parent / f"{target}.md", ROOT / target, ROOT / f"{target}.md"):
        path = place.resolve()
        if path.exists() and path.is_relative_to(ROOT) and path != ROOT:
            return path
    return None


def page_of_manual(path: Path) -> str:
    """The name of the page that a file is in the manual; empty for other files."""
    name = path.relative_to(ROOT).as_posix()
    if name in PAGES:
        return PAGES[name]
    return name.removeprefix("docs/").removesuffix(".md") if name.startswith("docs/") and path.suffix == ".md" else ""


def address(path: Path) -> str:
    name = path.relative_to(ROOT).as_posix()
    return f"files/{name}" if path.suffix in COPIED else f"files/{name}.html"


def _linked(app: Sphinx) -> list[Path]:
    """The files that pages of the manual link to, and those that these link to."""
    waiting = [ROOT / name for about in app.env.metadata.values() for name in about.get(_KEY, [])]
    found: list[Path] = []
    while waiting:
        path = waiting.pop()
        if path not in found:
            found.append(path)
            waiting += _listed(path) if path.is_dir() else _linked_by(path)
    return sorted(found)


def _linked_by(path: Path) -> list[Path]:
    if path.suffix != ".md":
        return []
    found = [file(path, target) for target in _LINK.findall(path.read_text(encoding="utf-8"))]
    return [one for one in found if one and not page_of_manual(one)]


def _listed(folder: Path) -> list[Path]:
    """The files of a folder that can be shown."""
    return [path for path in sorted(folder.iterdir()) if path.is_file() and path.suffix in SHOWN | COPIED]


def pages(app: Sphinx) -> Iterator[tuple[str, dict[str, Any], str]]:
    """A page for each file and folder that is linked, but for those that are copied."""
    for path in _linked(app):
        if path.suffix not in COPIED:
            name = path.relative_to(ROOT).as_posix()
            yield f"files/{name}", {"title": name, "body": _body(path, name), "parents": []}, "page.html"


def _body(path: Path, name: str) -> str:
    if path.is_dir():
        links = ((relative_uri(address(path), address(one)), one.name) for one in _listed(path))
        rows = "".join(f'<li><a href="{to}">{title}</a></li>' for to, title in links)
        return f"<h1>{name}</h1><ul>{rows}</ul>"
    if path.suffix in (".md", ".ipynb"):
        text = as_markdown(path) if path.suffix == ".ipynb" else path.read_text(encoding="utf-8")
        made = MarkdownIt("commonmark", {"highlight": _coloured}).enable("table").use(front_matter_plugin).render(text)
        for plain, styled in _STYLED.items():
            made = made.replace(plain, styled)
        return re.sub(r'href="(?!http|#)([^"#]+)', lambda found: f'href="{_moved(path, found[1])}', made)
    try:
        lexer = get_lexer_for_filename(name)
    except ClassNotFound:
        lexer = TextLexer()
    return f"<h1>{html.escape(name)}</h1>{highlight(path.read_text(encoding='utf-8'), lexer, HtmlFormatter())}"


def _coloured(code: str, language: str, _: str) -> str:
    """A code block of a Markdown file."""
    lexer = get_lexer_by_name(language) if language else TextLexer()
    return f"<pre>{highlight(code, lexer, HtmlFormatter(nowrap=True))}</pre>"


def _moved(path: Path, target: str) -> str:
    """A link of a Markdown file, from the file's page in the site."""
    found = file(path, target)
    if found is None:
        raise ValueError(f"{path}: expected a link to a file, found '{target}'")
    own = page_of_manual(found)
    return relative_uri(address(path), f"{own}.html" if own else address(found))


def copy(app: Sphinx, exception: Exception | None) -> None:
    """Copies the files that browsers show as they are."""
    if exception is None and app.builder.format == "html":
        for path in (one for one in _linked(app) if one.suffix in COPIED):
            to = Path(app.outdir) / address(path)
            to.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, to)


def setup(app: Sphinx) -> dict[str, Any]:
    """Called by Sphinx."""
    app.add_transform(RepositoryLinks)
    app.connect("html-collect-pages", pages)
    app.connect("build-finished", copy)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
