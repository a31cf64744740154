"""Files of a Hugging Face repository at one commit, whose checksums are written down here.

The SHA-256 of a large file is its Git LFS name, which the host shows on the file's page and answers with (header
`X-Linked-Etag`). A file's address redirects to where its bytes lie.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from voxjax.downloads.http_file import Remote
from voxjax.downloads.http_files import Site, fetch_all
from voxjax.storage.checksum import Check


class Pinned(NamedTuple):
    """What a file must be."""

    size_bytes: int
    sha256: str


def gather(site: Site, repository: str, commit: str, files: Mapping[str, Pinned]) -> Path:
    """Fetches some files of a commit.

    Args:
        repository: as "OWNER/NAME".
        commit: 40 hexadecimal digits.
        files: by their names in the repository.

    Returns:
        The folder that holds them, below `site.folder`.

    Raises:
        VoxJaxError: where a file can't be had, or is another.
    """
    base = f"https://huggingface.co/{repository}/resolve/{commit}"
    remotes = [
        Remote(name, f"{base}/{name}", pinned.size_bytes, Check("sha256", pinned.sha256))
        for name, pinned in files.items()
    ]
    return fetch_all(site, remotes, "files")
