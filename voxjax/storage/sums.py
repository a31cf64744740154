"""SHA-256 of a folder's files in its `SHA256SUMS`, as `sha256sum -c` reads it."""

import hashlib
import re
from collections.abc import Iterable, Mapping

from voxjax.errors import VoxJaxError, mismatch
from voxjax.storage import atomic
from voxjax.storage.paths import AnyPath, reaching

NAME = "SHA256SUMS"
_LINE = re.compile(r"([0-9a-f]{64})  (.+)")


def text(digests: Mapping[str, str]) -> str:
    """The lines of a `SHA256SUMS`, from digests in hexadecimal by the name of the file."""
    return "".join(f"{digest}  {name}\n" for name, digest in digests.items())


def parsed(content: bytes) -> dict[str, str] | None:
    """The digests by the name of the file; None if the lines are damaged."""
    try:
        lines = content.decode("utf-8").split("\n")
    except UnicodeDecodeError:
        return None
    found = [_LINE.fullmatch(line) for line in lines[:-1]]
    if lines[-1] or not all(found):
        return None
    return {one[2]: one[1] for one in found if one}


def beside(path: AnyPath) -> AnyPath:
    """The file with the digest of one file that lies alone."""
    return path.with_name(f"{path.name}.sha256")


def write(folder: AnyPath, names: Iterable[str]) -> None:
    """Writes the digests of files that are there.

    Args:
        folder: of `SHA256SUMS`.
        names: of the files, below the folder or, as `../metrics.jsonl`, beside it.

    Raises:
        OSError: if a file can't be read, or the digests can't be written.
    """
    digests = {name: hashlib.sha256(_path(folder, name).read_bytes()).hexdigest() for name in names}
    atomic.write(folder / NAME, text(digests))


def read(folder: AnyPath, names: Iterable[str], do: str) -> dict[str, bytes]:
    """The content of files, as it was when the digests were written.

    Args:
        folder: of `SHA256SUMS`. A folder without it, of before, is read unchecked.
        names: of the files, as in `write`; those that are not there are left out.
        do: what the user can do about a damaged file.

    Raises:
        VoxJaxError: if a file is damaged, was lost, or is not in `SHA256SUMS`.
    """
    path = folder / NAME
    with reaching(folder):
        content = path.read_bytes() if path.is_file() else None
        files = {name: _path(folder, name).read_bytes() for name in names if _path(folder, name).is_file()}
    if content is None:
        return files
    known = parsed(content)
    if known is None:
        raise VoxJaxError(mismatch(str(path), "lines of digests and names", "damage", do))
    for name in names:
        found = hashlib.sha256(files[name]).hexdigest() if name in files else "no such file"
        expected = known[name] if name in known else "no such file"
        if found != expected:
            raise VoxJaxError(mismatch(str(_path(folder, name)), f"SHA-256 {expected}, as {NAME} says", found, do))
    return files


def _path(folder: AnyPath, name: str) -> AnyPath:
    return folder.parent / name.removeprefix("../") if name.startswith("../") else folder / name
