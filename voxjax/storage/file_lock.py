"""A lock on a file, which ends with the process that holds it, however that ends."""

import contextlib
import errno
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from voxjax.errors import VoxJaxError, mismatch

_BUSY = (errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES, errno.EDEADLK)


@contextlib.contextmanager
def locked(path: Path, busy: str = "") -> Iterator[None]:
    """Holds the only lock on a file; it does not wait for it.

    On a file system without locks nothing is locked.

    Args:
        path: created, with its folder, if missing. It may be deleted while the lock is held.
        busy: the message if another process holds the lock.

    Raises:
        VoxJaxError: if another process holds the lock.
        OSError: if the file can't be opened.
    """
    while True:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        except FileNotFoundError:
            continue  # the last holder has just removed the folder
        try:
            if not take_if_possible(handle):
                do = "wait until it ends, or name another file"
                raise VoxJaxError(busy or mismatch(str(path), "no other process that uses it", "one at work", do))
            if is_at(handle, path):
                yield
                return
        finally:
            os.close(handle)  # ends the lock


@contextlib.contextmanager
def locked_by(path: Path, busy: str) -> Iterator[None]:
    """Holds a lock by a file that is there for nothing else, and is removed at the end.

    Args:
        path: of that file. Its folder is created if missing, and removed again where nothing was written to it.
        busy: as for `locked`.

    Raises:
        VoxJaxError: if another process holds the lock.
        OSError: if the folder can't be written.
    """
    made = [one for one in path.parents if not one.exists()]
    with locked(path, busy):
        try:
            yield
        finally:
            with contextlib.suppress(OSError):  # on Windows an open file stays; a folder may be gone, or in use
                path.unlink()
                for one in made:
                    one.rmdir()


def is_at(handle: int, path: Path) -> bool:
    """Whether the open file still has this name: its last holder may have deleted it."""
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False


def take_if_possible(handle: int) -> bool:
    """As `take`, but True on a file system without locks."""
    try:
        return take(handle)
    except OSError:
        return True


def take(handle: int) -> bool:
    """Locks an open file or folder; False if another process has locked it. It does not wait.

    Raises:
        OSError: on a file system without locks.
    """
    try:
        if sys.platform == "win32":
            import msvcrt

            os.lseek(handle, 1 << 30, os.SEEK_SET)  # beyond what is written: a locked part can't be read
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in _BUSY:
            raise
        return False
    return True
