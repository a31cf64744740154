"""Definitions common to all formats of predictions."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

# What `EmotionPredictor.predict` returns and `path`, or `path` and `error`; both with `columns` for a source of a list
# that has further columns.
Answer = dict[str, Any]

UNCERTAIN = "uncertain"  # in place of an emotion, for a rejected answer


class Layout(NamedTuple):
    """Properties common to all answers of one call."""

    labels: Sequence[str]
    width: int  # characters of the longest path
    raw_cells: bool = False  # leaves CSV cells that a spreadsheet would evaluate as they are
    columns: Sequence[str] = ()  # the user's own, of the lists of sources


class Format(NamedTuple):
    """A way to write answers, line by line."""

    header: Callable[[Layout], Iterator[str]]  # lines before the first answer
    row: Callable[[Layout, Answer], str]


def no_header(layout: Layout) -> Iterator[str]:
    """No lines."""
    return iter(())


def rounded(answer: Any) -> Any:
    """The answer with numbers rounded to six decimals, which is more than their accuracy."""
    if isinstance(answer, dict):
        return {key: rounded(value) for key, value in answer.items()}
    return round(answer, 6) if isinstance(answer, float) else answer
