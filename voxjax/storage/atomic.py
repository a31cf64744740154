"""Atomic writes of files and folders: a reader finds the old content or the new, but no partial one.

On disk a temporary file `.NAME.xxxxxxxx.voxjax` is renamed at the end. Its process holds a lock on it, so that the
first write of a later process into the folder can remove what processes that were killed have left. In a bucket
nothing can be renamed, but an object appears as a whole.
"""

import contextlib
import functools
import io
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from voxjax import interruption
from voxjax.storage import file_lock
from voxjax.storage.paths import AnyPath, reaching

_SUFFIX = ".voxjax"
_TEMPORARY = re.compile(rf"\..+\.[a-z0-9_]{{8}}{re.escape(_SUFFIX)}")


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
    with _temporary(path, _made_file) as name:
        with open(name, "wb") as file:
            writer(file)
        os.chmod(name, 0o644)  # it was created as a file that only its owner can read
        os.replace(name, path)


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
    with _temporary(folder, _made_folder) as name:
        temporary = Path(name)
        fill(temporary)
        try:
            temporary.rename(folder)
        except OSError:
            if not folder.is_dir():
                raise


@contextlib.contextmanager
def scratch_folder() -> Iterator[Path]:
    """An empty folder in the system's folder for temporary files; it is removed at the end, and by a signal."""
    with tempfile.TemporaryDirectory(prefix="voxjax-") as name:
        interruption.unfinished.add(name)
        try:
            yield Path(name)
        finally:
            interruption.unfinished.discard(name)


def remove_leftovers(folder: Path) -> None:
    """Removes temporary files and folders of processes that have ended from a folder, not from those below it."""
    try:
        names = os.listdir(folder)
    except OSError:
        return
    for path in (folder / name for name in names if _TEMPORARY.fullmatch(name)):
        with contextlib.suppress(OSError):
            if sys.platform == "win32":
                _remove(path)
                continue
            handle = os.open(path, os.O_RDONLY)
            try:
                if file_lock.take(handle):
                    _remove(path)
            finally:
                os.close(handle)


@contextlib.contextmanager
def _temporary(target: Path, made: Callable[[Path], str]) -> Iterator[str]:
    """The name of a temporary file or folder beside `target`, which is removed at the end if it is still there."""
    _remove_leftovers_once(target.parent)
    handle = None
    while handle is None:
        name = made(target)
        interruption.unfinished.add(name)
        handle = _own(Path(name))
    try:
        yield name
    finally:
        _remove(Path(name))
        interruption.unfinished.discard(name)
        if handle >= 0:
            os.close(handle)


def _made_file(target: Path) -> str:
    handle, name = tempfile.mkstemp(_SUFFIX, _prefix(target), target.parent)
    os.close(handle)
    return name


def _made_folder(target: Path) -> str:
    return tempfile.mkdtemp(_SUFFIX, _prefix(target), target.parent)


def _prefix(target: Path) -> str:
    return f".{target.name[:40]}."  # a name of the greatest length must not become longer


def _own(path: Path) -> int | None:
    """Locks an own temporary file or folder; None if another process has taken it for a leftover.

    On Windows, where what is open can be neither renamed nor removed, nothing is locked: -1.
    """
    if sys.platform == "win32":
        return -1
    try:
        handle = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return None
    if file_lock.take_if_possible(handle) and file_lock.is_at(handle, path):
        return handle
    os.close(handle)
    return None


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink()


_remove_leftovers_once = functools.cache(remove_leftovers)  # a scan of a folder takes time that grows with it
