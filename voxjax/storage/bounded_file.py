"""Files from strangers, of which nothing is read before their kind and size are known."""

import os
import stat
from pathlib import Path
from typing import BinaryIO, cast

from voxjax.errors import VoxJaxError, mismatch
from voxjax.storage.paths import AnyPath, reaching


def size(path: AnyPath, what: str, most_bytes: int, do: str) -> int:
    """The size in bytes of a regular file, or of a link to one.

    Args:
        path: of the file.
        what: it should be, for messages.
        most_bytes: that it may have.
        do: what to do about another file, for messages.

    Raises:
        VoxJaxError: if it is missing, larger, or no regular file: a folder, a device, a pipe.
    """
    try:
        with reaching(path):
            regular, found = _kind_and_size(path)
    except OSError as error:
        raise VoxJaxError(mismatch(str(path), what, str(error.strerror or error), do)) from error
    if not regular:
        raise VoxJaxError(mismatch(str(path), what, "no regular file", do))
    if found > most_bytes:
        raise VoxJaxError(mismatch(str(path), f"{what}, at most {most_bytes} bytes", found, do))
    return found


def read(path: AnyPath, what: str, most_bytes: int, do: str) -> bytes:
    """The content of a regular file; arguments and errors as for `size`."""
    found = size(path, what, most_bytes, do)
    try:
        with reaching(path), opened(path) as file:
            return file.read(found)
    except OSError as error:
        raise VoxJaxError(mismatch(str(path), what, str(error.strerror or error), do)) from error


def opened(path: AnyPath) -> BinaryIO:
    """The open file; on disk it is never waited for, should it have become a pipe."""
    if not isinstance(path, Path):
        return cast(BinaryIO, path.open("rb"))
    return os.fdopen(os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)), "rb")


def _kind_and_size(path: AnyPath) -> tuple[bool, int]:
    if not isinstance(path, Path):
        return path.is_file(), int(path.stat().length) if path.is_file() else 0
    found = os.stat(path)
    return stat.S_ISREG(found.st_mode), found.st_size
