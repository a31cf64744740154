"""Text of others, as file names and labels: written without loss, and shown without effect on a terminal."""

import json
import re
import unicodedata
from typing import Any

_ESCAPED_BYTE = re.compile(rb"\\(?:x([0-9a-f]{2})|\\)")
_JOINERS = "\u200c\u200d"  # invisible, but part of words in some scripts and of emoji
_NO_TEXT = {"Cc", "Cf", "Cs", "Zl", "Zp"}  # control and format characters, lone surrogates, line separators


def readable(name: str) -> str:
    """A file name as valid Unicode, without loss.

    Bytes that are not UTF-8, which Python keeps as lone surrogates, become `\\xe9`, and backslashes of such a name
    double. All other names stay as they are. `printf '%b'` gives the bytes of an escaped name, as `original` does.
    """
    try:
        data = name.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # surrogates that no file name in bytes has
        return name.encode("utf-8", "backslashreplace").decode()
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.replace(b"\\", b"\\\\").decode("utf-8", "backslashreplace")


def original(name: str) -> str:
    """The file name that `readable` has escaped."""
    data = _ESCAPED_BYTE.sub(lambda found: bytes.fromhex(found[1].decode()) if found[1] else b"\\", name.encode())
    return data.decode("utf-8", "surrogateescape")


def printable(text: str) -> str:
    """Text for one line of a terminal: control characters, line breaks and bidirectional overrides are escaped."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(char.encode("unicode_escape").decode() if _is_unsafe(char) else char for char in readable(text))


def json_line(value: Any) -> str:
    """A value as JSON on one line, in which no character acts on a terminal; its texts are `readable`."""
    text = json.dumps(_readable_values(value), ensure_ascii=False, allow_nan=False)
    if text.isascii() and text.isprintable():
        return text
    return "".join(json.dumps(char)[1:-1] if _is_unsafe(char) else char for char in text)


def _readable_values(value: Any) -> Any:
    """The same value with each text, keys too, as valid Unicode."""
    if isinstance(value, dict):
        return {_readable_values(key): _readable_values(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_readable_values(one) for one in value]
    return readable(value) if isinstance(value, str) else value


def _is_unsafe(char: str) -> bool:
    return unicodedata.category(char) in _NO_TEXT and char not in _JOINERS
