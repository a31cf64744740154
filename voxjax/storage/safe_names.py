"""File names from archives and servers, checked to stay below their folder."""

import re
from pathlib import PurePosixPath

from voxjax.errors import VoxJaxError, mismatch

_MOST_BYTES, _MOST_PARTS = 200, 32  # of a name without its folders, with room for suffixes; of folders in each other
_LONGEST_BYTES = 800  # of all of it: some systems end at 1,024
_UNSAFE = re.compile(r"[\x00-\x1f\\:]|[\ud800-\udfff]")  # other systems' separators, control characters, broken UTF-8


def safe_relative_path(source: str, name: str) -> PurePosixPath:
    """The relative path of a name from an untrusted source.

    Args:
        source: the archive or address that the name comes from, for the error.
        name: with slashes between folders.

    Raises:
        VoxJaxError: if the name is empty or absolute, leads to a parent folder, differs on another system, or is longer
            or deeper than a disk can hold.
    """
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or not path.parts or _UNSAFE.search(name):
        do = "it may be an attack: get it from its official host"
        raise VoxJaxError(mismatch(source, "plain names below its own folder", ascii(name[:160]), do))
    longest = max(len(part.encode()) for part in path.parts)
    if len(path.parts) > _MOST_PARTS or longest > _MOST_BYTES or len(name.encode()) > _LONGEST_BYTES:
        expected = f"names of at most {_MOST_BYTES} bytes, in at most {_MOST_PARTS} folders"
        found = f"{longest} bytes in {len(path.parts)} folders ({name[:40]!a} …)"
        raise VoxJaxError(mismatch(source, expected, found, "it may be an attack: get it from its official host"))
    return path
