"""Conversion between frozen dataclasses and plain values, with checks of ranges, keys and types."""

import collections.abc
import dataclasses
import types
import typing
from typing import Any

from voxjax.errors import UsageError, mismatch
from voxjax.names import nearest

Plain = collections.abc.Mapping[str, Any]  # values by name, as JSON holds them

_FEW = 5  # names that an error lists beside the nearest one


def number(default: Any, low: float, high: float) -> Any:
    """A field for a number, or a tuple of numbers or of tuples of them, in `[low, high]`."""
    return dataclasses.field(default=default, metadata={"range": (low, high)})


def choice(default: str, *known: str) -> Any:
    """A field for one of a few strings."""
    return dataclasses.field(default=default, metadata={"choices": known})


def check_fields(values: Any, prefix: str) -> None:
    """Checks the fields of a dataclass that were made by `number` and `choice`.

    Raises:
        UsageError: at a number out of its range or not finite, or a string that is not one of the choices.
    """
    for field in dataclasses.fields(values):
        value, key = getattr(values, field.name), f"{prefix}.{field.name}"
        if "choices" in field.metadata:
            one_of(key, value, field.metadata["choices"])
        if "range" in field.metadata:
            for part in _numbers(value):
                in_range(key, part, *field.metadata["range"])


def _numbers(value: Any) -> collections.abc.Iterator[float]:
    """The numbers of a field: itself, or those of its tuples."""
    if isinstance(value, tuple):
        for part in value:
            yield from _numbers(part)
    else:
        yield value


def one_of(key: str, value: str, known: collections.abc.Iterable[str]) -> None:
    """Checks that a value is in the list.

    Raises:
        UsageError: names the nearest known value, or all of them if none is near.
    """
    known = tuple(known)
    if value not in known:
        near = nearest(str(value), known)
        do = f"did you mean '{near}'?" if near is not None else "choose one of these"
        expected = "a known name" if near is not None and len(known) > _FEW else f"one of {', '.join(known)}"
        raise UsageError(mismatch(key, expected, repr(value), do))


def in_range(key: str, value: float, low: float, high: float) -> None:
    """Checks that a number is in `[low, high]`; NaN is an error.

    Raises:
        UsageError: with the range.
    """
    if not low <= value <= high:
        raise UsageError(mismatch(key, f"a number from {low} to {high}", value, "change it"))


def freeze(kind: type, values: Plain, prefix: str = "config") -> Any:
    """A dataclass from plain values, nested ones too.

    Args:
        kind: the dataclass. One with several forms has a static `form_of(values, prefix)` that chooses one.
        values: by field name. A missing field keeps its default.
        prefix: the user's name of the place, for messages.

    Raises:
        UsageError: at an unknown key, with the nearest known one, or at a value of the wrong type or out of range.
    """
    if hasattr(kind, "form_of"):
        kind = kind.form_of(values, prefix)
    fields = {field.name: field for field in dataclasses.fields(kind)}
    hints = typing.get_type_hints(kind)
    for key in values:
        if key not in fields:
            near = nearest(key, fields)
            do = f"did you mean '{prefix}.{near}'?" if near is not None else "remove it"
            raise UsageError(mismatch(prefix, "one of " + ", ".join(fields), f"'{key}'", do))
    made = kind(**{k: _typed(hints[k], v, f"{prefix}.{k}") for k, v in values.items()})
    check_fields(made, prefix)
    return made


def thaw(config: Any) -> dict[str, Any]:
    """The dataclass as plain nested dictionaries, for JSON and for `ml_collections`."""
    out = {}
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if dataclasses.is_dataclass(value):
            value = thaw(value)
        elif isinstance(value, tuple):
            value = tuple(thaw(item) if dataclasses.is_dataclass(item) else item for item in value)
        elif isinstance(value, collections.abc.Mapping):
            value = dict(value)
        out[field.name] = value
    return out


def dotted(values: Plain, prefix: str = "") -> dict[str, Any]:
    """Nested values by dotted key, in their order: `{"a": {"b": 1}}` gives `{"a.b": 1}`."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, collections.abc.Mapping):
            flat |= dotted(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def _typed(hint: Any, value: Any, key: str) -> Any:
    """The value as the annotated type, or a `UsageError`."""
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if dataclasses.is_dataclass(hint) and isinstance(value, collections.abc.Mapping):
        return freeze(typing.cast(type, hint), value, key)
    if origin is types.UnionType and float in args:  # or an array, inside a compiled program
        hint, origin = float, None
    if origin is tuple and isinstance(value, (list, tuple)):
        kinds = [args[0]] * len(value) if len(args) == 2 and args[1] is Ellipsis else list(args)
        if len(kinds) == len(value):
            return tuple(_typed(kind, item, key) for kind, item in zip(kinds, value, strict=True))
    elif origin is collections.abc.Mapping and isinstance(value, collections.abc.Mapping):
        return types.MappingProxyType(dict(value))
    elif hint is float and isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    elif hint in (int, str, bool) and type(value) is hint:
        return value
    name = getattr(hint, "__name__", str(hint)) if origin is None else str(hint)
    raise UsageError(mismatch(key, f"a value of type {name}", repr(value), "give one of that type"))
