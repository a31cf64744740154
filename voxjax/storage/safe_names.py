"""File names from archives and servers, checked to stay below their folder."""

import re
from pathlib import PurePosixPath

from voxjax.errors import VoxJaxError, mismatch

_UNSAFE = re.compile(r"[\x00-\x1f\\:]|[\ud800-\udfff]")  # other systems' separators, control characters, broken UTF-8


def safe_relative_path(source: str, name: str) -> PurePosixPath:
    """The relative path of a name from an untrusted source.

    Args:
        source: the archive or address that the name comes from, for the error.
        name: with slashes between folders.

    Raises:
        VoxJaxError: if the name is empty or absolute, leads to a parent folder, or differs on another system.
    """
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or not path.parts or _UNSAFE.search(name):
        do = "it may be an attack: get it from its official host"
        raise VoxJaxError(mismatch(source, "plain names below its own folder", ascii(name), do))
    return path
