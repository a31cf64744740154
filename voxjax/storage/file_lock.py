"""A lock on a file, which ends with the process that holds it, however that ends."""

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from voxjax.errors import VoxJaxError, mismatch


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Holds the only lock on a file; it does not wait for it.

    Args:
        path: created, with its folder, if missing. It may be deleted while the lock is held.

    Raises:
        VoxJaxError: if another process holds the lock.
        OSError: if the file can't be opened.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            _lock(handle, path)
            if _is_at(handle, path):
                yield
                return
        finally:
            os.close(handle)  # ends the lock


def _is_at(handle: int, path: Path) -> bool:
    """Whether the open file still has this name: its last holder may have deleted it."""
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False


def _lock(handle: int, path: Path) -> None:
    try:
        if sys.platform == "win32":
            import msvcrt

            os.lseek(handle, 1 << 30, os.SEEK_SET)  # beyond what is written: a locked part can't be read
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        do = "wait until it ends, or name another file"
        raise VoxJaxError(mismatch(str(path), "no other process that uses it", "one at work", do)) from error
