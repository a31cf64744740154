"""Lists of files that hosts answer with: JSON of bounded size, whose entries are checked before they are used."""

import json
import re
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from voxjax.downloads.http import RemoteFile
from voxjax.downloads.parallel import Workspace, download_files
from voxjax.errors import VoxJaxError, mismatch
from voxjax.storage.checksum import LENGTHS, Checksum

T = TypeVar("T")

_LIMIT_BYTES = 64 << 20  # a list of a million files
_DO = "the host's API may have changed: download it by hand, see docs/download.md"


def read(workspace: Workspace, url: str, name: str, parse: Callable[[Any], T]) -> T:
    """What a function makes of the JSON at an address.

    Args:
        name: of the file that the answer is kept in.
        parse: raises ValueError, KeyError, TypeError or AttributeError at JSON of another form.

    Raises:
        VoxJaxError: if the answer is not JSON of this form.
    """
    remote = RemoteFile(name, url, None, None, _LIMIT_BYTES)
    data = (download_files(workspace, [remote], "listing") / name).read_bytes()
    try:
        return parse(json.loads(data))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        found = repr(data[:80].decode("utf-8", "replace"))
        raise VoxJaxError(mismatch(url, "a complete list of files with checksums", found, _DO)) from error


def remote_file(name: Any, url: str, size_bytes: Any, algorithm: Any, value: Any) -> RemoteFile:
    """A file as a list describes it.

    Raises:
        ValueError: at a name or checksum that is no text, a size that is none, or an unknown kind of checksum.
    """
    if not isinstance(name, str) or type(size_bytes) is not int or not 0 <= size_bytes < 1 << 50:
        raise ValueError("no name or size")
    if not isinstance(algorithm, str) or algorithm not in LENGTHS:
        raise ValueError("no known checksum")
    if not isinstance(value, str) or not re.fullmatch(f"[0-9a-f]{{{LENGTHS[algorithm]}}}", value):
        raise ValueError("no checksum")
    return RemoteFile(name, url, size_bytes, Checksum(algorithm, value))


def check_distinct(source: str, names: Sequence[str]) -> None:
    """Checks that no two names are the same where letters have no case.

    Raises:
        VoxJaxError: if two are.
    """
    known: set[str] = set()
    for name in names:
        if name.casefold() in known:
            raise VoxJaxError(mismatch(source, "each file once", f"{name!a} twice", _DO))
        known.add(name.casefold())
