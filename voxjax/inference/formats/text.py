"""Predictions as aligned lines of text."""

from voxjax.inference.formats.base import UNCERTAIN, Answer, Format, Layout, no_header
from voxjax.storage.safe_text import printable

_OTHER_LABELS = 3  # the most probable other emotions in a line


def row(layout: Layout, answer: Answer) -> str:
    """One line: path, emotion, confidence, the most probable other emotions, and warnings; or path and error."""
    path = f"{answer['path']:<{layout.width}}"
    if "error" in answer:
        return printable(f"{path}  error: {answer['error']}")
    rejected = answer["emotion"] is None
    ranked = sorted(answer["probabilities"].items(), key=lambda item: -item[1])[not rejected :][:_OTHER_LABELS]
    other_labels = ", ".join(f"{label} {100 * p:.0f} %" for label, p in ranked)
    width = max(map(len, [*layout.labels, UNCERTAIN]))
    emotion = UNCERTAIN if rejected else answer["emotion"]
    warnings = "".join(f"  warning: {text}" for text in answer["warnings"])
    return printable(f"{path}  {emotion:<{width}}  {100 * answer['confidence']:3.0f} %   ({other_labels}){warnings}")


FORMAT = Format(no_header, row)
