"""Corpora that are made and not recorded: written once into the cache, whole or not at all."""

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

NAMES = ("demo", "demo_modal")


def once(folder: Path, write: Callable[[Path], None]) -> None:
    """Writes a folder beside its place, then renames it. If another process was first, its folder is kept.

    Args:
        folder: of the corpus; where it is there, nothing is done.
        write: fills the folder that it is given.

    Raises:
        OSError: if it can't be written; nothing is left half made.
    """
    if folder.is_dir():
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
    try:
        write(made)
        try:
            made.rename(folder)
        except OSError:
            if not folder.is_dir():
                raise
    finally:
        shutil.rmtree(made, ignore_errors=True)
