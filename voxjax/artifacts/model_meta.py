"""The free part of a model folder's description: values that cards, pages, services and reports show."""

from collections.abc import Callable, Mapping
from typing import Any

from voxjax.config_schema import Plain
from voxjax.errors import UsageError, VoxJaxError, mismatch

_LONGEST_NAME, _LONGEST_TEXT = 1_000, 100_000  # letters


def check(meta: Plain) -> None:
    """Checks the values of known names, each of which may be missing; others may be anything.

    Raises:
        UsageError: at a value of another kind.
    """
    for key, (expected, is_right) in _KNOWN.items():
        if key in meta and not is_right(meta[key]):
            found = f"{meta[key]!r:.80}"
            raise UsageError(
                mismatch(f"meta.{key}", expected, found, "get the model again from where it was published")
            )


def require(model: str, meta: Plain, *keys: str) -> None:
    """Checks that a model says what some work needs to know.

    Args:
        model: the model folder, for the message.
        meta: of the model.
        keys: that are needed.

    Raises:
        VoxJaxError: where one is missing.
    """
    for key in keys:
        if key not in meta:
            do = "take a model that VoxJAX has trained"
            raise VoxJaxError(mismatch(model, f"a model folder that says its {key}", "none", do))


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= _LONGEST_NAME and value.isprintable()


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= _LONGEST_TEXT and value.replace("\n", "").isprintable()


def _is_count(value: Any) -> bool:
    return type(value) is int and value >= 0


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _are_counts(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_count, value))


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def _are_figures(value: Any) -> bool:
    """Numbers, or intervals of two, by name."""
    return isinstance(value, dict) and all(
        (len(one) == 2 and all(map(_is_number, one)) if isinstance(one, list) else _is_number(one))
        and (not isinstance(one, list)) != name.endswith("_ci")
        for name, one in value.items()
    )


def _are_thresholds(value: Any) -> bool:
    return isinstance(value, dict) and all(
        _is_name(name) and (one is None or (_is_number(one) and 0.0 <= one <= 1.0)) for name, one in value.items()
    )


def _are_members(value: Any) -> bool:
    """The same part of several joined models."""
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        return False
    for one in value:
        check(one)
    return True


_KNOWN: Mapping[str, tuple[str, Callable[[Any], bool]]] = {
    **dict.fromkeys(("name", "corpus", "protocol", "voxjax", "jax"), ("a short text on one line", _is_name)),
    "licence": ("a text", _is_text),
    **dict.fromkeys(("fold", "seed", "folds"), ("a whole number of at least 0", _is_count)),
    "seeds": ("whole numbers of at least 0", _are_counts),
    "figures": ("numbers, and intervals of two, by name", _are_figures),
    "reject": ("confidences from 0 to 1, or null, by name", _are_thresholds),
    "training_clips": ("texts", _are_texts),
    "members": ("objects", _are_members),
}
