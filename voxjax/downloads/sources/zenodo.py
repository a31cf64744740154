"""Source: one archive of a Zenodo record, whose MD5 the record publishes."""

from pathlib import Path

from voxjax.downloads.archives import Limits, unpack
from voxjax.downloads.http import RemoteFile
from voxjax.downloads.parallel import Workspace, download_files
from voxjax.storage.checksum import Checksum


def download(workspace: Workspace, record: int, archive: str, size_bytes: int, md5: str, top: str) -> Path:
    """Downloads and unpacks the archive.

    Args:
        top: the folder in the archive that holds everything, and that is left out; "" for none.

    Returns:
        Folder of the corpus, below `workspace.folder`.
    """
    url = f"https://zenodo.org/records/{record}/files/{archive}"
    remote = RemoteFile(archive, url, size_bytes, Checksum("md5", md5))
    packed = download_files(workspace, [remote], "archive") / archive
    folder = workspace.folder / "unpacked"
    unpack(packed, folder, Limits())
    return folder / top if (folder / top).is_dir() else folder
