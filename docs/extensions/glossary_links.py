"""Links the first mention of a term on a page to the glossary; pages stay plain Markdown, as GitHub shows them."""

import re
from collections.abc import Iterable
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform

# Words that mean one thing wherever they stand, and their heading in docs/glossary.md.
TERMS = {
    "confusion matrix": "confusion-matrix",
    "ECE": "ece",
    "hidden units": "hidden-units",
    "linear discriminant": "linear-discriminant",
    "log-mels": "log-mel",
    "RTTM": "rttm",
    "SpecAugment": "specaugment",
    "speaker-independent": "speaker-independent",
    "TextGrid": "textgrid-tier",
    "UAR": "uar",
}
_WITHOUT = ("glossary", "changelog", "reference/")  # pages that define terms, or have too many
_KEPT = (nodes.title, nodes.literal, nodes.literal_block, nodes.reference, addnodes.pending_xref)


def first_mention(text: str, terms: Iterable[str]) -> re.Match[str] | None:
    """The first of these terms in a text, as a whole word."""
    named = "|".join(map(re.escape, terms))
    return re.search(rf"(?<![\w-])(?:{named})(?![\w-])", text) if named else None


class GlossaryLinks(SphinxTransform):
    """Replaces the first mention of each term by a link."""

    default_priority = 880  # on finished text

    def apply(self, **kwargs: Any) -> None:
        waiting = {} if self.env.docname.startswith(_WITHOUT) else dict(TERMS)
        for text in list(self.document.findall(nodes.Text)):
            if not _inside(text, _KEPT):
                made = _linked(text.astext(), waiting)
                if any(isinstance(node, nodes.reference) for node in made):
                    text.parent.replace(text, made)


def _inside(text: nodes.Text, kinds: tuple[type, ...]) -> bool:
    found: Any = text.parent
    while found is not None and not isinstance(found, kinds):
        found = found.parent
    return found is not None


def _linked(text: str, waiting: dict[str, str]) -> list[nodes.Node]:
    """A text as nodes, each term that still waits as a link; terms that are found wait no longer."""
    made: list[nodes.Node] = []
    while found := first_mention(text, waiting):
        link = f"glossary.html#{waiting.pop(found[0])}"
        made += [nodes.Text(text[: found.start()])] if found.start() else []
        made.append(nodes.reference("", found[0], refuri=link, internal=True, classes=["term"]))
        text = text[found.end() :]
    return [*made, nodes.Text(text)] if text else made


def setup(app: Sphinx) -> dict[str, Any]:
    """Called by Sphinx."""
    app.add_transform(GlossaryLinks)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
