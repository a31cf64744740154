"""Many files of a host: several at a time, under one progress bar."""

import threading
from collections.abc import Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from tqdm import tqdm

from voxjax.downloads import http_headers
from voxjax.downloads.http_file import Patience, Remote, Tell, fetch
from voxjax.errors import UsageError, mismatch
from voxjax.storage import free_space, safe_names

_AT_ONCE = 6  # connections: enough to hide the way there and back, few enough to be polite


class Site(NamedTuple):
    """Where files come from and go to."""

    folder: Path  # kept until the work is done, so that it can be gone on with
    patience: Patience
    mirror: str  # base address in place of the hosts; "" for the hosts themselves


class _StoppedError(Exception):
    """Another file failed, or the user has had enough."""


def fetch_all(site: Site, remotes: Sequence[Remote], below: str) -> Path:
    """Brings files to `site.folder/below`. Those already there and verified are left as they are.

    Returns:
        That folder.

    Raises:
        VoxJaxError: on a full disk, at a name that leads elsewhere, or as `fetch` at the first file that can't be had.
    """
    folder = site.folder / below
    for remote in remotes:
        safe_names.safe_relative_path(remote.url, remote.name)
    folder.mkdir(parents=True, exist_ok=True)
    missing = sum(remote.size_bytes or 0 for remote in remotes if not (folder / remote.name).is_file())
    free_space.check_free_space(folder, missing, "downloading")
    total = sum(remote.size_bytes or 0 for remote in remotes) or None
    with tqdm(total=total, desc="fetching", unit="B", unit_scale=True, disable=None) as bar:
        _share([mirrored(remote, site.mirror) for remote in remotes], folder, site.patience, bar)
    return folder


def mirrored(remote: Remote, mirror: str) -> Remote:
    """The same file from a mirror, laid out as `wget --mirror` does: MIRROR/HOST/PATH."""
    if not mirror:
        return remote
    return remote._replace(url=f"{mirror.rstrip('/')}/{remote.url.partition('://')[2]}")


def refuse_mirror(mirror: str) -> None:
    """Refuses what is neither empty nor an http(s) address.

    Raises:
        UsageError: says so.
    """
    if mirror and (urlsplit(mirror).scheme not in ("http", "https") or not urlsplit(mirror).netloc):
        raise UsageError(mismatch("--mirror", "an address as https://HOST/PATH", repr(mirror), "give one"))


def _share(remotes: Sequence[Remote], folder: Path, patience: Patience, bar: tqdm) -> None:
    stop, lock = threading.Event(), threading.Lock()

    def tell(added: int) -> None:
        if stop.is_set():
            raise _StoppedError
        with lock:
            bar.update(added)

    shares = [remotes[start::_AT_ONCE] for start in range(min(_AT_ONCE, len(remotes)))]
    with ThreadPoolExecutor(max(1, len(shares))) as pool:
        try:
            running = [pool.submit(_one_by_one, share, folder, patience, tell) for share in shares]
            done, _ = wait(running, return_when=FIRST_EXCEPTION)
        finally:  # at Ctrl-C too: threads end at their next piece, and what they have is kept
            stop.set()
    for future in done:
        future.result()


def _one_by_one(remotes: Sequence[Remote], folder: Path, patience: Patience, tell: Tell) -> None:
    with http_headers.session() as session:
        for remote in remotes:
            fetch(remote, folder / remote.name, session, patience, tell)
