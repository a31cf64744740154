"""Names of files from elsewhere: below their folder, or refused."""

import re
from pathlib import PurePosixPath

from voxjax.errors import VoxJaxError, mismatch

_UNSAFE = re.compile(r"[\x00-\x1f\\:]|[\ud800-\udfff]")  # other systems' separators, and names that are no text


def inside(source: str, name: str) -> PurePosixPath:
    """The relative path that a name means.

    Args:
        source: the archive or address that gave it.
        name: with slashes between folders.

    Raises:
        VoxJaxError: at a name that is absolute, leads upwards, or would mean something else on another system.
    """
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or not path.parts or _UNSAFE.search(name):
        do = "it may be an attack: get it from its official host"
        raise VoxJaxError(mismatch(source, "plain names below its own folder", ascii(name), do))
    return path
