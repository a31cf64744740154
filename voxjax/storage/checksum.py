"""Checksums as hosts publish them, and files held against them."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

_PIECE_BYTES = 1 << 20


class Check(NamedTuple):
    """What a file's bytes must come to."""

    kind: str  # a row of `_STARTS`
    value: str  # lower-case hexadecimal


def _plain(name: str) -> Callable[[int], Any]:
    return lambda size_bytes: hashlib.new(name, usedforsecurity=False)


def _git(size_bytes: int) -> Any:
    """Git hashes a header before the content (Chacon & Straub, Pro Git, 10.2 Git Objects)."""
    return hashlib.sha1(b"blob %d\0" % size_bytes, usedforsecurity=False)


_STARTS = {"md5": _plain("md5"), "sha1": _plain("sha1"), "sha256": _plain("sha256"), "git": _git}


def digest(path: Path, kind: str) -> str:
    """The checksum of a file.

    Args:
        kind: "md5", "sha1", "sha256", or "git" for the name that git gives the content.

    Returns:
        Lower-case hexadecimal.
    """
    running = _STARTS[kind](path.stat().st_size)
    with path.open("rb") as file:
        while piece := file.read(_PIECE_BYTES):
            running.update(piece)
    return running.hexdigest()


def fault(path: Path, size_bytes: int | None, check: Check | None) -> tuple[str, str] | None:
    """What was expected and what was found where a file is not what it should be, else None.

    Args:
        size_bytes: None where nobody says it.
        check: None where nobody published one.
    """
    found_bytes = path.stat().st_size
    if size_bytes is not None and found_bytes != size_bytes:
        return f"{size_bytes} bytes", f"{found_bytes}"
    if check is None:
        return None
    found = digest(path, check.kind)
    return None if found == check.value else (f"{check.kind} {check.value}", found)
