"""Download of many files of one host: several at a time, under one progress bar."""

import threading
from collections.abc import Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from voxjax import progress
from voxjax.downloads.connections import connection_pool
from voxjax.downloads.http import RemoteFile, RetryPolicy, download_file
from voxjax.errors import UsageError, mismatch
from voxjax.storage import free_space, safe_names

_AT_ONCE = 6


class Workspace(NamedTuple):
    """Where unfinished downloads are kept, and how files are downloaded."""

    folder: Path  # kept until the whole corpus is complete, so that an interrupted run can be resumed
    policy: RetryPolicy
    mirror: str  # base address in place of the hosts; "" for the hosts themselves


class _StoppedError(Exception):
    """Another file failed, or the user interrupted the download."""


def download_files(workspace: Workspace, remotes: Sequence[RemoteFile], subfolder: str) -> Path:
    """Downloads files of one host to `workspace.folder/subfolder`. Those that exist and are verified are kept.

    Returns:
        That folder.

    Raises:
        VoxJaxError: if the disk is full, if a name leads outside, or as `download_file` for the first file that fails.
    """
    folder = workspace.folder / subfolder
    for remote in remotes:
        safe_names.safe_relative_path(remote.url, remote.name)
    folder.mkdir(parents=True, exist_ok=True)
    missing_bytes = sum(remote.size_bytes or 0 for remote in remotes if not (folder / remote.name).is_file())
    free_space.check_free_space(folder, missing_bytes, "downloading")
    total_bytes = sum(remote.size_bytes or 0 for remote in remotes) or None
    with progress.bar(total_bytes, "downloading", "B") as bar:
        _download([mirrored(remote, workspace.mirror) for remote in remotes], folder, workspace.policy, bar)
    return folder


def mirrored(remote: RemoteFile, mirror: str) -> RemoteFile:
    """The same file on a mirror, laid out as `wget --mirror` does: MIRROR/HOST/PATH."""
    if not mirror:
        return remote
    return remote._replace(url=f"{mirror.rstrip('/')}/{remote.url.partition('://')[2]}")


def check_mirror(mirror: str) -> None:
    """Checks that a mirror is "" or an http(s) address.

    Raises:
        UsageError: if it is not.
    """
    if mirror and (urlsplit(mirror).scheme not in ("http", "https") or not urlsplit(mirror).netloc):
        raise UsageError(mismatch("--mirror", "an address as https://HOST/PATH", repr(mirror), "give one"))


def _download(remotes: Sequence[RemoteFile], folder: Path, policy: RetryPolicy, bar: progress.Bar) -> None:
    stop, lock = threading.Event(), threading.Lock()

    def on_progress(new_bytes: int) -> None:
        if stop.is_set():
            raise _StoppedError
        with lock:
            bar.update(new_bytes)

    with connection_pool(remotes[0].url if remotes else "") as pool, ThreadPoolExecutor(_AT_ONCE) as executor:
        jobs = [(remote, folder / remote.name, pool, policy, on_progress) for remote in remotes]
        try:
            futures = [executor.submit(download_file, *job) for job in jobs]
            done, _ = wait(futures, return_when=FIRST_EXCEPTION)
        finally:  # at Ctrl-C, too: threads end at their next chunk, and partial files are kept
            stop.set()
            executor.shutdown(cancel_futures=True)
    for future in done:
        future.result()
