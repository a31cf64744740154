"""Atomic writes of files and folders: a reader finds the old content or the new, but no partial one.

On disk a temporary file is renamed at the end. In a bucket nothing can be renamed, but an object appears as a whole.
"""

import contextlib
import io
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import IO

from voxjax.storage.paths import AnyPath, reaching


def write(path: AnyPath, content: bytes | str) -> None:
    """Writes a file atomically; on disk by way of a temporary file in the same folder.

    Args:
        path: replaced if it exists; its folder is created if missing.
        content: text is encoded as UTF-8, its line ends kept as they are; a lone surrogate, of a file name in other
            bytes, is escaped.

    Raises:
        OSError: if the disk is full or the folder can't be written. The old file stays and no temporary file is left.
        VoxJaxError: if it can't be written to a bucket. The old object stays.
    """
    data = content.encode("utf-8", "backslashreplace") if isinstance(content, str) else content
    write_stream(path, lambda file: file.write(data))


def write_stream(path: AnyPath, writer: Callable[[IO[bytes]], object]) -> None:
    """As `write`, for content that is too large for memory or written by a library.

    Args:
        path: as in `write`. What goes to a bucket is held in memory.
        writer: called with the open binary file. If it raises, the old file stays.
    """
    if not isinstance(path, Path):
        held = io.BytesIO()
        writer(held)
        with reaching(path):
            path.write_bytes(held.getvalue())
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            writer(file)
        os.chmod(name, 0o644)  # mkstemp creates a file that only its owner can read
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


def append(path: AnyPath, content: bytes | str) -> None:
    """Adds to the end of a file. An object in a bucket can't grow, so it is written again with the addition.

    Args:
        path: created if missing, in an existing folder.
        content: text is encoded as UTF-8.

    Raises:
        OSError, VoxJaxError: as `write`.
    """
    data = content.encode() if isinstance(content, str) else content
    if isinstance(path, Path):
        with path.open("ab") as file:
            file.write(data)
    else:
        before = b""
        with reaching(path), contextlib.suppress(FileNotFoundError):
            before = path.read_bytes()
        with reaching(path):
            path.write_bytes(before + data)


def cut(path: Path, size: int) -> None:
    """Takes everything after the first `size` bytes off a file on disk.

    Raises:
        OSError: if it can't be written.
    """
    os.truncate(path, size)


def write_folder(folder: Path, fill: Callable[[Path], object]) -> None:
    """Creates a folder atomically. An existing folder is kept as it is.

    Two processes may call it at once: each fills its own temporary folder, and the first to finish is kept.

    Args:
        folder: its parents are created if missing.
        fill: called with an empty folder next to `folder`. If it raises, nothing is left behind.

    Raises:
        OSError: if it can't be written.
    """
    if folder.is_dir():
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
    try:
        fill(temporary)
        try:
            temporary.rename(folder)
        except OSError:
            if not folder.is_dir():
                raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
