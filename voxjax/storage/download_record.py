"""The record of a download: the sizes and SHA-256 of its files, in `download.json` beside them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from voxjax.errors import VoxJaxError, mismatch
from voxjax.storage import atomic, checksum, sealed_json

NAME = "download.json"


def write(folder: Path, about: Mapping[str, str]) -> None:
    """Writes the record of all files in a folder.

    Args:
        folder: with the complete download.
        about: name, page and licence.

    Raises:
        OSError: if a file can't be read, or the record can't be written.
    """
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    rows = {path.relative_to(folder).as_posix(): row(path) for path in paths}
    atomic.write(folder / NAME, sealed_json.text({**about, "files": rows}))


def row(path: Path) -> dict[str, Any]:
    """What is recorded of a file."""
    return {"bytes": path.stat().st_size, "sha256": checksum.digest(path, "sha256")}


def read(folder: Path) -> dict[str, Any] | None:
    """The rows of `row`, by path below the folder; None for a folder that was not downloaded.

    Raises:
        VoxJaxError: at a damaged record.
    """
    path = folder / NAME
    if not path.is_file():
        return None
    try:
        rows = sealed_json.parsed(path.read_bytes())[0]["files"]
        return {name: {"bytes": int(one["bytes"]), "sha256": str(one["sha256"])} for name, one in rows.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        do = f"remove {folder} and download it again"
        found = " ".join(f"damage ({type(error).__name__} {error})".split())
        raise VoxJaxError(mismatch(str(path), "the record of a download", found, do)) from error


def check(folder: Path, known: Mapping[str, str], do: str) -> None:
    """Checks a downloaded folder against its record; a folder without one is not checked.

    Args:
        folder: of the download.
        known: SHA-256 of files that were read anyway, in hexadecimal, by path below the folder.
        do: what the user can do about a damaged file.

    Raises:
        VoxJaxError: if files are missing or were changed, or the record is damaged.
    """
    rows = read(folder) or {}
    wrong = [name for name, one in rows.items() if not _is_unchanged(folder / name, one, known, name)]
    if wrong:
        found = f"{len(wrong)} missing or changed, as {', '.join(wrong[:3])}"
        raise VoxJaxError(mismatch(str(folder), f"the {len(rows)} files that were fetched", found, do))


def _is_unchanged(path: Path, expected: Mapping[str, Any], known: Mapping[str, str], name: str) -> bool:
    if not path.is_file():
        return False
    return known[name] == expected["sha256"] if name in known else row(path) == expected
