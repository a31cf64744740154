"""Source: a data set of a Dataverse, whose API lists each file's MD5 (Dataverse guides: "List Files in a Dataset")."""

import shutil
from pathlib import Path
from typing import Any

from voxjax.downloads.archives import Limits, unpack
from voxjax.downloads.http import RemoteFile
from voxjax.downloads.parallel import Workspace, download_files
from voxjax.downloads.sources import listing


def download(workspace: Workspace, host: str, doi: str) -> Path:
    """Downloads all files of the newest version; zip archives among them are unpacked where they are.

    Returns:
        Folder of the corpus, below `workspace.folder`.

    Raises:
        VoxJaxError: if the answer is not a list of files.
    """
    url = f"https://{host}/api/datasets/:persistentId/versions/:latest/files?persistentId=doi:{doi}"
    remotes = listing.read(workspace, url, "files.json", lambda found: [_remote(host, one) for one in found["data"]])
    listing.check_distinct(url, [remote.name for remote in remotes])
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
    algorithm, value = file["checksum"]["type"].replace("-", "").lower(), file["checksum"]["value"].lower()
    size_bytes = file["originalFileSize"] if original else file["filesize"]
    url = f"https://{host}/api/access/datafile/{int(file['id'])}{original}"
    return listing.remote_file(name, url, size_bytes, algorithm, value)
