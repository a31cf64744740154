"""A GitHub repository at one commit: each file held against git's own hash, large ones fetched from Git LFS.

An archive of a commit has no published checksum and can't be fetched in parts. GitHub's API lists the hash of each
file ("Git trees"), and a file in LFS is a pointer that gives its SHA-256 and size (Git LFS, docs/spec.md).
"""

import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

from voxjax.downloads.archives import Limits, unpack
from voxjax.downloads.http_file import Remote
from voxjax.downloads.http_files import Site, fetch_all
from voxjax.errors import VoxJaxError, mismatch
from voxjax.storage import checksum, safe_names
from voxjax.storage.checksum import Check

_POINTER = re.compile(rb"version https://git-lfs\.github\.com/spec/v1\noid sha256:([0-9a-f]{64})\nsize (\d+)\n")
_LONGEST_POINTER_BYTES = 1024


def gather(site: Site, repository: str, commit: str, wanted: tuple[str, ...]) -> Path:
    """Fetches some files and folders of a commit.

    Args:
        repository: as "OWNER/NAME".
        commit: 40 hexadecimal digits.
        wanted: names of files and folders at the top.

    Returns:
        Folder of the corpus, below `site.folder`.

    Raises:
        VoxJaxError: where the archive is not what the API lists.
    """
    blobs = _blobs(site, repository, commit, wanted)
    unpacked = _unpacked(site, repository, commit)
    for name, blob in blobs.items():
        safe_names.safe_relative_path(repository, name)
        _refuse_other(unpacked / name, name, blob)
    folder = site.folder / "files"
    pointers = {name: found for name in blobs if (found := _pointer(unpacked / name))}
    fetch_all(site, [_large(repository, commit, name, found) for name, found in pointers.items()], "files")
    for name in blobs.keys() - pointers.keys():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        os.replace(unpacked / name, folder / name)
    return folder


def _unpacked(site: Site, repository: str, commit: str) -> Path:
    url = f"https://codeload.github.com/{repository}/zip/{commit}"
    folder = site.folder / "unpacked"
    shutil.rmtree(folder, ignore_errors=True)
    unpack(fetch_all(site, [Remote("commit.zip", url, None, None)], "archive") / "commit.zip", folder, Limits())
    tops = list(folder.iterdir())
    if len(tops) != 1:
        found = f"{len(tops)} entries"
        do = "the host's archives may have changed: get it by hand as docs/download.md says"
        raise VoxJaxError(mismatch(url, "one folder that holds all", found, do))
    return tops[0]


def _blobs(site: Site, repository: str, commit: str, wanted: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    """Path, hash and size of each wanted file."""
    top = {entry["path"]: entry for entry in _tree(site, repository, commit)}
    found: dict[str, dict[str, Any]] = {}
    for name in wanted:
        if name not in top:
            do = "get it by hand as docs/download.md says"
            raise VoxJaxError(mismatch(f"{repository} {commit[:12]}", f"'{name}'", f"only {', '.join(top)}", do))
        inside = _tree(site, repository, top[name]["sha"]) if top[name]["type"] == "tree" else []
        found |= {f"{name}/{entry['path']}": entry for entry in inside if entry["type"] == "blob"}
        found |= {name: top[name]} if top[name]["type"] == "blob" else {}
    return found


def _tree(site: Site, repository: str, sha: str) -> list[dict[str, Any]]:
    url = f"https://api.github.com/repos/{repository}/git/trees/{sha}"
    asked = Remote(f"{sha}.json", url, None, None)
    text = (fetch_all(site, [asked], "listing") / asked.name).read_text()
    try:
        found = json.loads(text)
        if not found["truncated"]:
            return list(found["tree"])
    except (ValueError, KeyError, TypeError):
        pass
    do = "get it by hand as docs/download.md says"
    raise VoxJaxError(mismatch(url, "a whole list of files with checksums", repr(text[:80]), do))


def _refuse_other(path: Path, name: str, blob: dict[str, Any]) -> None:
    expected = Check("git", blob["sha"])
    wrong = checksum.fault(path, blob["size"], expected) if path.is_file() else (f"git {blob['sha']}", "no such file")
    if wrong:
        raise VoxJaxError(
            mismatch(f"{name} in the archive", *wrong, "run again; the host sent other bytes than it lists")
        )


def _pointer(path: Path) -> tuple[str, int] | None:
    if path.stat().st_size > _LONGEST_POINTER_BYTES:
        return None
    found = _POINTER.match(path.read_bytes())
    return (found[1].decode(), int(found[2])) if found else None


def _large(repository: str, commit: str, name: str, pointer: tuple[str, int]) -> Remote:
    sha256, size_bytes = pointer
    url = f"https://media.githubusercontent.com/media/{repository}/{commit}/{name}"
    return Remote(name, url, size_bytes, Check("sha256", sha256))
