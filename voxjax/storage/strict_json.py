"""JSON from strangers: what Python's reader lets through and no program expects is an error."""

import json
import math
from collections.abc import Sequence
from typing import Any

_DEEPEST = 32  # objects and lists within each other
_LARGEST = 2**63


def parsed(text: str | bytes) -> Any:
    """The value of a JSON text.

    Raises:
        ValueError: at a text that is not JSON or not UTF-8; NaN and infinity, also as 1e999; integers beyond 64 bits;
            a key that stands twice in an object; lone surrogates; more than 32 levels.
    """
    decoded = text.decode("utf-8") if isinstance(text, bytes) else text
    try:
        value = json.loads(
            decoded, parse_constant=_constant, parse_float=_float, parse_int=_int, object_pairs_hook=_object
        )
    except RecursionError as error:
        raise ValueError(f"more than {_DEEPEST} levels") from error
    _check(value)
    return value


def _check(value: Any) -> None:
    """Checks depth and texts, without recursion."""
    level: list[Any] = [value]
    for _ in range(_DEEPEST + 1):
        for text in level:
            if isinstance(text, str):
                text.encode("utf-8")
        level = [part for one in level for part in _parts(one)]
        if not level:
            return
    raise ValueError(f"more than {_DEEPEST} levels")


def _parts(value: Any) -> Sequence[Any]:
    if isinstance(value, dict):
        return [*value, *value.values()]
    return value if isinstance(value, list) else []


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"the key {next(name for name in names if names.count(name) > 1)!r:.80} stands twice")
    return found


def _float(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"the number {text:.40} is too large")
    return value


def _int(text: str) -> int:
    if len(text) > 20 or abs(int(text)) > _LARGEST:
        raise ValueError(f"the number {text:.40} is too large")
    return int(text)


def _constant(text: str) -> Any:
    raise ValueError(f"{text} is no number of JSON")
