"""Free space on the disk, checked before it is needed."""

import shutil
from pathlib import Path

from voxjax.errors import VoxJaxError, mismatch


def check_free_space(folder: Path, needed_bytes: int, task: str) -> None:
    """Checks that there is enough free space for a write.

    Args:
        folder: an existing one, on the disk that will be written.
        needed_bytes: size of what will be written.
        task: what needs the space, as "downloading ravdess".

    Raises:
        VoxJaxError: if less is free.
    """
    free_bytes = shutil.disk_usage(folder).free
    if free_bytes < needed_bytes:
        expected, found = f"{megabytes(needed_bytes)} free in {folder}", megabytes(free_bytes)
        raise VoxJaxError(mismatch(task, expected, found, "free some space, or choose another --data_dir"))


def megabytes(size_bytes: int) -> str:
    """A size as text: "208.5 MB"."""
    return f"{size_bytes / 1e6:,.1f} MB"
