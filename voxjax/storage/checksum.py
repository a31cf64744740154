"""Checksums of files, by the algorithms that hosts publish."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

_CHUNK_BYTES = 1 << 20


class Checksum(NamedTuple):
    """A published checksum."""

    algorithm: str  # "md5", "sha1", "sha256" or "git"
    value: str  # lower-case hexadecimal


def _plain(algorithm: str) -> Callable[[int], Any]:
    return lambda size_bytes: hashlib.new(algorithm, usedforsecurity=False)


def _git(size_bytes: int) -> Any:
    """Git hashes a header before the content (Chacon & Straub, Pro Git, 10.2 Git Objects)."""
    return hashlib.sha1(b"blob %d\0" % size_bytes, usedforsecurity=False)


_ALGORITHMS = {"md5": _plain("md5"), "sha1": _plain("sha1"), "sha256": _plain("sha256"), "git": _git}
LENGTHS = {"md5": 32, "sha1": 40, "sha256": 64, "git": 40}  # of each algorithm's value, in hexadecimal digits


def digest(path: Path, algorithm: str) -> str:
    """The checksum of a file, in lower-case hexadecimal.

    Args:
        algorithm: "md5", "sha1", "sha256", or "git" for the name of the content in a git repository.
    """
    running = _ALGORITHMS[algorithm](path.stat().st_size)
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            running.update(chunk)
    return running.hexdigest()


def difference(path: Path, size_bytes: int | None, checksum: Checksum | None) -> tuple[str, str] | None:
    """The expected and the found size or checksum if they differ, else None.

    Args:
        size_bytes: None if it is unknown.
        checksum: None if none was published.
    """
    found_bytes = path.stat().st_size
    if size_bytes is not None and found_bytes != size_bytes:
        return f"{size_bytes} bytes", f"{found_bytes}"
    if checksum is None:
        return None
    found = digest(path, checksum.algorithm)
    return None if found == checksum.value else (f"{checksum.algorithm} {checksum.value}", found)
