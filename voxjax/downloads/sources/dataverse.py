"""A data set of a Dataverse, whose API gives each file's MD5 (Dataverse guides: "List Files in a Dataset")."""

import json
import shutil
from pathlib import Path
from typing import Any

from voxjax.downloads.archives import Limits, unpack
from voxjax.downloads.http_file import Remote
from voxjax.downloads.http_files import Site, fetch_all
from voxjax.errors import VoxJaxError, mismatch
from voxjax.storage.checksum import Check


def gather(site: Site, host: str, doi: str) -> Path:
    """Fetches all files of the newest version; zip archives among them are unpacked where they lie.

    Returns:
        Folder of the corpus, below `site.folder`.

    Raises:
        VoxJaxError: at an answer that is no list of files.
    """
    url = f"https://{host}/api/datasets/:persistentId/versions/:latest/files?persistentId=doi:{doi}"
    asked = Remote("files.json", url, None, None)
    text = (fetch_all(site, [asked], "listing") / asked.name).read_text()
    try:
        remotes = [_remote(host, entry) for entry in json.loads(text)["data"]]
    except (ValueError, KeyError, TypeError) as error:
        do = "the host's API may have changed: get it by hand as docs/download.md says"
        raise VoxJaxError(mismatch(url, "a list of files with checksums", repr(text[:80]), do)) from error
    folder = fetch_all(site, remotes, "files")
    for archive in sorted(folder.rglob("*.zip")):
        opened = archive.with_suffix("")
        shutil.rmtree(opened, ignore_errors=True)  # from a run that was broken off
        unpack(archive, opened, Limits())
        archive.unlink()
    return folder


def _remote(host: str, entry: dict[str, Any]) -> Remote:
    file = entry["dataFile"]
    name = "/".join(entry[part] for part in ("directoryLabel", "label") if part in entry and entry[part] != "")
    original = "?format=original" if "originalFileFormat" in file else ""  # tables are shown in another form
    check = Check(file["checksum"]["type"].replace("-", "").lower(), file["checksum"]["value"].lower())
    size_bytes = file["originalFileSize"] if original else file["filesize"]
    url = f"https://{host}/api/access/datafile/{file['id']}{original}"
    return Remote(name, url, size_bytes, check)
