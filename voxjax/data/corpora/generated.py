"""Folders of generated corpora in the cache, made again where a file is damaged or lost."""

import hashlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from voxjax.storage import atomic, sums


def ensure(folder: Path, write: Callable[[Path], object]) -> dict[str, str]:
    """The SHA-256 of each file of a folder, in hexadecimal; the folder is written first unless it is whole.

    Args:
        folder: in the cache.
        write: fills an empty folder; equal content each time.

    Returns:
        Digests by path below the folder, with `/` between its parts.

    Raises:
        OSError: if it can't be written; nothing is left behind.
    """

    found = _whole(folder)
    if found is None:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as temporary:
            write(Path(temporary))
            found = _digests(Path(temporary))
            for name in found:  # one by one, as another process may read the folder
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                os.replace(Path(temporary) / name, folder / name)
        atomic.write(folder / sums.NAME, sums.text(found))
    return found


def _digests(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): _digest(path) for path in files}


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _whole(folder: Path) -> dict[str, str] | None:
    """The digests of the files; None if one differs from what was written."""
    try:
        known = sums.parsed((folder / sums.NAME).read_bytes())
        return known if known and all(_digest(folder / name) == one for name, one in known.items()) else None
    except OSError:
        return None
