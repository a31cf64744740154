"""Source: a GitHub repository at one commit, each file verified by git's own hash, large ones from Git LFS.

An archive of a commit has no published checksum and can't be requested in parts. GitHub's API lists the hash of each
file ("Git trees"), and a file in LFS is a pointer with its SHA-256 and size (Git LFS, docs/spec.md).
"""

import os
import re
import shutil
from pathlib import Path
from typing import Any

from voxjax.downloads.archives import Limits, unpack
from voxjax.downloads.http import RemoteFile
from voxjax.downloads.parallel import Workspace, download_files
from voxjax.downloads.sources import listing
from voxjax.errors import VoxJaxError, mismatch
from voxjax.storage import checksum, safe_names
from voxjax.storage.checksum import Checksum

_POINTER = re.compile(rb"version https://git-lfs\.github\.com/spec/v1\noid sha256:([0-9a-f]{64})\nsize (\d+)\n")
_LONGEST_POINTER_BYTES = 1024


def download(workspace: Workspace, repository: str, commit: str, wanted: tuple[str, ...]) -> Path:
    """Downloads some files and folders of a commit.

    Args:
        repository: as "OWNER/NAME".
        commit: 40 hexadecimal digits.
        wanted: top-level files and folders.

    Returns:
        Folder of the corpus, below `workspace.folder`.

    Raises:
        VoxJaxError: if the archive differs from the API's list.
    """
    blobs = _blobs(workspace, repository, commit, wanted)
    unpacked = _unpacked(workspace, repository, commit)
    for name, blob in blobs.items():
        safe_names.safe_relative_path(repository, name)
        _check_blob(unpacked / name, name, blob)
    folder = workspace.folder / "files"
    pointers = {name: found for name in blobs if (found := _pointer(unpacked / name))}
    download_files(
        workspace, [_large_file(repository, commit, name, found) for name, found in pointers.items()], "files"
    )
    for name in blobs.keys() - pointers.keys():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        os.replace(unpacked / name, folder / name)
    return folder


def _unpacked(workspace: Workspace, repository: str, commit: str) -> Path:
    url = f"https://codeload.github.com/{repository}/zip/{commit}"
    folder = workspace.folder / "unpacked"
    shutil.rmtree(folder, ignore_errors=True)
    archive = RemoteFile("commit.zip", url, None, None)
    unpack(download_files(workspace, [archive], "archive") / archive.name, folder, Limits())
    tops = list(folder.iterdir())
    if len(tops) != 1:
        found = f"{len(tops)} entries"
        do = "the host's archives may have changed: download it by hand, see docs/download.md"
        raise VoxJaxError(mismatch(url, "one folder that holds all", found, do))
    return tops[0]


def _blobs(workspace: Workspace, repository: str, commit: str, wanted: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    """Path, hash and size of each wanted file."""
    top = {entry["path"]: entry for entry in _tree(workspace, repository, commit)}
    found: dict[str, dict[str, Any]] = {}
    for name in wanted:
        if name not in top:
            do = "download it by hand, see docs/download.md"
            raise VoxJaxError(mismatch(f"{repository} {commit[:12]}", f"'{name}'", f"only {', '.join(top)}", do))
        inside = _tree(workspace, repository, top[name]["sha"]) if top[name]["type"] == "tree" else []
        found |= {f"{name}/{entry['path']}": entry for entry in inside if entry["type"] == "blob"}
        found |= {name: top[name]} if top[name]["type"] == "blob" else {}
    return found


def _tree(workspace: Workspace, repository: str, sha: str) -> list[dict[str, Any]]:
    url = f"https://api.github.com/repos/{repository}/git/trees/{sha}"
    return listing.read(workspace, url, f"{sha}.json", _entries)


def _entries(found: Any) -> list[dict[str, Any]]:
    """Path, type, hash and size of each entry; folders have no size."""
    if found["truncated"]:
        raise ValueError("not all entries")
    for entry in found["tree"]:
        size_bytes = entry["size"] if entry["type"] == "blob" else 0
        listing.remote_file(entry["path"], "", size_bytes, "git", entry["sha"])
    return list(found["tree"])


def _check_blob(path: Path, name: str, blob: dict[str, Any]) -> None:
    missing = (f"git {blob['sha']}", "no such file")
    expected = Checksum("git", blob["sha"])
    wrong = checksum.difference(path, blob["size"], expected) if path.is_file() else missing
    if wrong:
        do = "run again; the host sent other bytes than it lists"
        raise VoxJaxError(mismatch(f"{name} in the archive", *wrong, do))


def _pointer(path: Path) -> tuple[str, int] | None:
    """SHA-256 and size in bytes of a file in LFS, None for any other file."""
    if path.stat().st_size > _LONGEST_POINTER_BYTES:
        return None
    found = _POINTER.match(path.read_bytes())
    return (found[1].decode(), int(found[2])) if found else None


def _large_file(repository: str, commit: str, name: str, pointer: tuple[str, int]) -> RemoteFile:
    sha256, size_bytes = pointer
    url = f"https://media.githubusercontent.com/media/{repository}/{commit}/{name}"
    return RemoteFile(name, url, size_bytes, Checksum("sha256", sha256))
