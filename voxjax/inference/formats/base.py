"""What all formats of predictions have in common."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

Answer = dict[str, Any]  # what `EmotionPredictor.predict` returns and `path`; or `path` and `error`

UNCERTAIN = "uncertain"  # in place of an emotion, for a rejected answer


class Layout(NamedTuple):
    """What the answers of one call have in common."""

    labels: Sequence[str]
    width: int  # characters of the longest path


class Format(NamedTuple):
    """A way to write answers, line by line."""

    header: Callable[[Layout], Iterator[str]]  # lines before the first answer
    row: Callable[[Layout, Answer], str]


def no_header(layout: Layout) -> Iterator[str]:
    """No lines."""
    return iter(())


def rounded(answer: Any) -> Any:
    """The same answer with numbers of six decimals, more than any of them is accurate to."""
    if isinstance(answer, dict):
        return {key: rounded(value) for key, value in answer.items()}
    return round(answer, 6) if isinstance(answer, float) else answer
