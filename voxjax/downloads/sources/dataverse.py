"""Source: a data set of a Dataverse, whose API lists each file's MD5 (Dataverse guides: "List Files in a Dataset")."""

import json
import shutil
from pathlib import Path
from typing import Any

from voxjax.downloads.archives import Limits, unpack
from voxjax.downloads.http import RemoteFile
from voxjax.downloads.parallel import Workspace, download_files
from voxjax.errors import VoxJaxError, mismatch
from voxjax.storage.checksum import Checksum


def download(workspace: Workspace, host: str, doi: str) -> Path:
    """Downloads all files of the newest version; zip archives among them are unpacked where they are.

    Returns:
        Folder of the corpus, below `workspace.folder`.

    Raises:
        VoxJaxError: if the answer is not a list of files.
    """
    url = f"https://{host}/api/datasets/:persistentId/versions/:latest/files?persistentId=doi:{doi}"
    listing = RemoteFile("files.json", url, None, None)
    text = (download_files(workspace, [listing], "listing") / listing.name).read_text(encoding="utf-8")
    try:
        remotes = [_remote(host, entry) for entry in json.loads(text)["data"]]
    except (ValueError, KeyError, TypeError) as error:
        do = "the host's API may have changed: download it by hand, see docs/download.md"
        raise VoxJaxError(mismatch(url, "a list of files with checksums", repr(text[:80]), do)) from error
    folder = download_files(workspace, remotes, "files")
    for archive in sorted(folder.rglob("*.zip")):
        unpacked = archive.with_suffix("")
        shutil.rmtree(unpacked, ignore_errors=True)  # from an interrupted run
        unpack(archive, unpacked, Limits())
        archive.unlink()
    return folder


def _remote(host: str, entry: dict[str, Any]) -> RemoteFile:
    file = entry["dataFile"]
    name = "/".join(entry[part] for part in ("directoryLabel", "label") if part in entry and entry[part] != "")
    original = "?format=original" if "originalFileFormat" in file else ""  # tables are converted on upload
    checksum = Checksum(file["checksum"]["type"].replace("-", "").lower(), file["checksum"]["value"].lower())
    size_bytes = file["originalFileSize"] if original else file["filesize"]
    url = f"https://{host}/api/access/datafile/{file['id']}{original}"
    return RemoteFile(name, url, size_bytes, checksum)
