"""Room on the disk, asked for before it is needed."""

import shutil
from pathlib import Path

from voxjax.errors import VoxJaxError, mismatch


def refuse_full(folder: Path, need_bytes: int, what: str) -> None:
    """Refuses work that would not fit.

    Args:
        folder: an existing one, on the disk that will be written.
        need_bytes: what will be written.
        what: the work, as "downloading ravdess".

    Raises:
        VoxJaxError: where less is free.
    """
    free_bytes = shutil.disk_usage(folder).free
    if free_bytes < need_bytes:
        expected, found = f"{megabytes(need_bytes)} free in {folder}", megabytes(free_bytes)
        raise VoxJaxError(mismatch(what, expected, found, "free some space, or choose another --data_dir"))


def megabytes(size_bytes: int) -> str:
    """As "208.5 MB"."""
    return f"{size_bytes / 1e6:,.1f} MB"
