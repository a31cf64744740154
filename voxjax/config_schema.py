"""Frozen dataclasses from plain values and back, refusing unknown keys and wrong types."""

import collections.abc
import dataclasses
import difflib
import types
import typing
from collections.abc import Mapping
from typing import Any

from voxjax.errors import UsageError, mismatch


def freeze(kind: type, values: collections.abc.Mapping[str, Any], prefix: str = "config") -> Any:
    """Builds a dataclass from plain values, nested ones too.

    Args:
        kind: the dataclass.
        values: by field name. A missing field keeps its default.
        prefix: how the user spells the place, for messages.

    Raises:
        UsageError: at an unknown key, with the nearest known one, or at a value of the wrong type.
    """
    fields = {field.name: field for field in dataclasses.fields(kind)}
    hints = typing.get_type_hints(kind)
    for key in values:
        if key not in fields:
            near = difflib.get_close_matches(key, fields, n=1)
            do = f"did you mean '{prefix}.{near[0]}'?" if near else "remove it"
            raise UsageError(mismatch(prefix, "one of " + ", ".join(fields), f"'{key}'", do))
    return kind(**{k: _typed(hints[k], v, f"{prefix}.{k}") for k, v in values.items()})


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


def _typed(hint: Any, value: Any, key: str) -> Any:
    """The value as the annotated type, or a `UsageError`."""
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if dataclasses.is_dataclass(hint) and isinstance(value, collections.abc.Mapping):
        return freeze(typing.cast(type, hint), value, key)
    if hint is Any:  # a traced number
        hint = float
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


def dotted(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested values by dotted key, in their order: `{"a": {"b": 1}}` gives `{"a.b": 1}`."""
    flat: dict[str, Any] = {}
    for key, value in config.items():
        if isinstance(value, Mapping):
            flat |= dotted(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat
