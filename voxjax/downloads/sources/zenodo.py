"""One archive of a Zenodo record, whose MD5 the record publishes."""

from pathlib import Path

from voxjax.downloads.archives import Limits, unpack
from voxjax.downloads.http_file import Remote
from voxjax.downloads.http_files import Site, fetch_all
from voxjax.storage.checksum import Check


def gather(site: Site, record: int, archive: str, size_bytes: int, md5: str, top: str) -> Path:
    """Fetches and unpacks the archive.

    Args:
        top: the folder that holds everything in the archive and is left out; "" for none.

    Returns:
        Folder of the corpus, below `site.folder`.
    """
    url = f"https://zenodo.org/records/{record}/files/{archive}"
    packed = fetch_all(site, [Remote(archive, url, size_bytes, Check("md5", md5))], "archive") / archive
    folder = site.folder / "unpacked"
    unpack(packed, folder, Limits())
    return folder / top if (folder / top).is_dir() else folder
