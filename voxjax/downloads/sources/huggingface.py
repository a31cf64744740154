"""Source: files of a Hugging Face repository at one commit, with pinned checksums.

The SHA-256 of a large file is its Git LFS name, which the host displays on the file's page and sends as the header
`X-Linked-Etag`. A file's address redirects to the server that holds its content.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from voxjax.downloads.http import RemoteFile
from voxjax.downloads.parallel import Workspace, download_files
from voxjax.storage.checksum import Checksum


class PinnedFile(NamedTuple):
    """Size and checksum of a file."""

    size_bytes: int
    sha256: str


def download(workspace: Workspace, repository: str, commit: str, files: Mapping[str, PinnedFile]) -> Path:
    """Downloads some files of a commit.

    Args:
        repository: as "OWNER/NAME".
        commit: 40 hexadecimal digits.
        files: by their names in the repository.

    Returns:
        The folder that holds them, below `workspace.folder`.

    Raises:
        VoxJaxError: if a file can't be downloaded, or differs from its pin.
    """
    base = f"https://huggingface.co/{repository}/resolve/{commit}"
    remotes = [
        RemoteFile(name, f"{base}/{name}", pinned.size_bytes, Checksum("sha256", pinned.sha256))
        for name, pinned in files.items()
    ]
    return download_files(workspace, remotes, "files")
