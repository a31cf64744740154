"""Writing a file so that it is whole or not there."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import IO


def write(path: Path, content: bytes | str) -> None:
    """Writes beside the place first, then renames, so that no reader meets half a file.

    Args:
        path: its folder is made if missing.
        content: text is encoded as UTF-8, its line ends kept as they are.

    Raises:
        OSError: at a full disk or a folder that can't be written; nothing is left behind then.
    """
    data = content.encode() if isinstance(content, str) else content
    save(path, lambda file: file.write(data))


def save(path: Path, into: Callable[[IO[bytes]], object]) -> None:
    """As `write`, for content that is written piece by piece: `into` is given the open file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            into(file)
        os.chmod(name, 0o644)  # mkstemp makes it private
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise
