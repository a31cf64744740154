"""Download of one file over HTTP: resumed, retried, verified.

urllib3's `Retry` repeats a request only before the body begins, so the loop that resumes a body is here. Range,
If-Range and Retry-After follow RFC 9110, sections 14, 13.1.5 and 10.2.3. No answer is trusted: a body ends at the
published size, and one that only trickles is given up.
"""

import email.utils
import logging
import os
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import urllib3
from urllib3 import exceptions

from voxjax.downloads import connections
from voxjax.errors import VoxJaxError, mismatch
from voxjax.storage import checksum
from voxjax.storage.checksum import Checksum

_log = logging.getLogger(__name__)
_CHUNK_BYTES = 1 << 18
_TEMPORARY = frozenset({408, 425, 429, 500, 502, 503, 504})  # HTTP statuses that may be over at the next try
_NUMBER = r"[0-9]{1,18}"  # sizes that a disk can have
_BY_HAND = "try later, or download it by hand, see docs/download.md"

OnProgress = Callable[[int], None]  # called with the number of new bytes; negative if a part was discarded


class RemoteFile(NamedTuple):
    """A file as its host describes it."""

    name: str  # below the local folder, as "Actor_01/a.wav"
    url: str
    size_bytes: int | None  # None if the host does not publish it
    checksum: Checksum | None  # None if none is published
    limit_bytes: int = 4 << 30  # accepted where no size is published


class RetryPolicy(NamedTuple):
    """Time limits, and the number of tries."""

    timeout_s: float = 60.0  # for a connection, and between two bytes
    tries: int = 5  # in a row that brought less than the slowest rate
    slowest_bytes_per_s: float = 500.0  # below it, as below the speed of a modem, a connection is given up
    first_wait_s: float = 1.0  # doubled at each further try
    longest_wait_s: float = 120.0  # a host that asks for more is given up


class _RetryableError(Exception):
    """A try failed, and the next one may succeed."""

    def __init__(self, reason: str, wait_s: float = 0.0) -> None:
        super().__init__(reason)
        self.wait_s = wait_s  # the wait that the host asks for


def download_file(
    remote: RemoteFile, path: Path, pool: urllib3.PoolManager, policy: RetryPolicy, on_progress: OnProgress
) -> None:
    """Downloads one file to `path`; resumes what an interrupted call left in `path.part`.

    Args:
        remote: an existing file is downloaded again unless it has this checksum.
        path: written atomically once the file is complete and verified; its folder is created if missing.
        on_progress: called at each chunk; what it raises ends the download, which can be resumed.

    Raises:
        VoxJaxError: if the host can't be reached, answers with an error, or sends other bytes than those published.
    """
    if remote.checksum and path.is_file() and not checksum.difference(path, remote.size_bytes, remote.checksum):
        on_progress(path.stat().st_size)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    part = _Part(path, on_progress)
    on_progress(part.size)
    while True:
        resumed = part.size > 0
        _complete(remote, part, pool, policy)
        wrong = checksum.difference(part.path, remote.size_bytes, remote.checksum)
        if not wrong:
            break
        part.discard()
        if not resumed:  # else the old part may be of another file
            do = f"{remote.url} is damaged or was changed, and was not kept: {_BY_HAND}"
            raise VoxJaxError(mismatch(remote.name, *wrong, do))
    os.replace(part.path, path)
    part.version_path.unlink(missing_ok=True)


class _Part:
    """The first bytes of a file, and the version of the file on the host: its `ETag` or `Last-Modified`."""

    def __init__(self, path: Path, on_progress: OnProgress) -> None:
        self.path = path.with_name(f"{path.name}.part")
        self.version_path = path.with_name(f"{path.name}.part.version")
        self.on_progress = on_progress

    @property
    def size(self) -> int:
        return self.path.stat().st_size if self.path.is_file() else 0

    @property
    def version(self) -> str:
        return self.version_path.read_text(encoding="utf-8") if self.version_path.is_file() else ""

    def discard(self) -> None:
        self.on_progress(-self.size)
        self.path.unlink(missing_ok=True)
        self.version_path.unlink(missing_ok=True)

    def append(self, response: urllib3.BaseHTTPResponse, remote: RemoteFile, policy: RetryPolicy) -> None:
        """Adds the body of an answer.

        Raises:
            _RetryableError: if it comes too slowly.
            VoxJaxError: if it is longer than the file; the part is discarded.
        """
        left = (remote.limit_bytes if remote.size_bytes is None else remote.size_bytes) - self.size
        pace = _Pace(policy)
        with self.path.open("ab") as file:
            while chunk := response.read1(_CHUNK_BYTES):
                if len(chunk) > left:
                    break
                left -= len(chunk)
                file.write(chunk)
                self.on_progress(len(chunk))
                pace.check(len(chunk))
        if chunk:
            self.discard()
            expected = (
                f"at most {remote.limit_bytes} bytes" if remote.size_bytes is None else f"{remote.size_bytes} bytes"
            )
            raise VoxJaxError(mismatch(remote.name, expected, "more", f"{remote.url} was not kept: {_BY_HAND}"))


class _Pace:
    """The rate of a body, over stretches of the policy's time limit."""

    def __init__(self, policy: RetryPolicy) -> None:
        self._policy, self._began, self._bytes = policy, time.monotonic(), 0

    def check(self, new_bytes: int) -> None:
        """Counts bytes.

        Raises:
            _RetryableError: if the stretch that ends here was too slow.
        """
        self._bytes += new_bytes
        seconds = time.monotonic() - self._began
        if seconds < self._policy.timeout_s:
            return
        if self._bytes < self._policy.slowest_bytes_per_s * seconds:
            raise _RetryableError(f"only {self._bytes} bytes in {seconds:.0f} s")
        self._began, self._bytes = time.monotonic(), 0


def _complete(remote: RemoteFile, part: _Part, pool: urllib3.PoolManager, policy: RetryPolicy) -> None:
    """Requests the missing bytes until all have arrived; gives up after some tries that brought next to nothing."""
    failures, began = 0, time.monotonic()
    while part.size == 0 or part.size != remote.size_bytes:
        before = part.size
        try:
            return _request(remote, part, pool, policy)
        except _RetryableError as error:
            enough = policy.slowest_bytes_per_s * (time.monotonic() - began)
            failures = 0 if part.size - before > enough else failures + 1
            began = time.monotonic()  # before the wait: a host that sends one byte each time gets nowhere
            _wait(remote, part, error, failures, policy)
    return None


def _wait(remote: RemoteFile, part: _Part, error: _RetryableError, failures: int, policy: RetryPolicy) -> None:
    host = urlsplit(remote.url).netloc
    if failures >= policy.tries or error.wait_s > policy.longest_wait_s:
        asked = f", which asks to wait {error.wait_s:.0f} s" if error.wait_s else ""
        do = "check the network and run again later: it goes on where it stopped"
        raise VoxJaxError(mismatch(remote.name, f"an answer from {host}{asked}", error, do))
    backoff_s = min(policy.first_wait_s * 2.0 ** max(failures - 1, 0), policy.longest_wait_s)
    wait_s = max(error.wait_s, backoff_s)
    _log.warning("%s: %s; trying again in %.0f s", host, error, wait_s)
    end = time.monotonic() + wait_s
    while (left_s := end - time.monotonic()) > 0:
        time.sleep(min(left_s, 0.2))
        part.on_progress(0)  # the callback may end the download


def _request(remote: RemoteFile, part: _Part, pool: urllib3.PoolManager, policy: RetryPolicy) -> None:
    """One request for the missing bytes.

    Raises:
        _RetryableError: if some are still missing.
        VoxJaxError: if another request would fail, too.
    """
    headers = dict(pool.headers)
    if part.size and (part.version or remote.checksum):  # without both, the rest might be of another file
        headers |= {"Range": f"bytes={part.size}-"} | ({"If-Range": part.version} if part.version else {})
    try:
        with connections.request(pool, remote.url, headers, policy.timeout_s) as response:
            size_bytes = _accept(remote, part, response)
            part.append(response, remote, policy)
    except (exceptions.MaxRetryError, exceptions.SSLError, exceptions.LocationValueError) as error:
        do = mismatch(remote.name, f"an http(s) address that answers at {remote.url}", _cause(error), _BY_HAND)
        raise VoxJaxError(do) from error
    except exceptions.HTTPError as error:
        if isinstance(error, exceptions.ProtocolError) and "IncompleteRead" in str(error):
            raise _RetryableError(f"the connection ended after {part.size} bytes") from error
        raise _RetryableError(_cause(error)) from error
    if size_bytes is not None and part.size < size_bytes:
        raise _RetryableError(f"the connection ended after {part.size} of {size_bytes} bytes")


def _accept(remote: RemoteFile, part: _Part, response: urllib3.BaseHTTPResponse) -> int | None:
    """Checks an answer and prepares the part for its body; returns the size of the complete file if known."""
    status, url = response.status, remote.url
    if status == 416:  # no bytes after the part: it is complete, or of another file
        part.discard()
        raise _RetryableError("the part kept from last time does not fit and was thrown away")
    if status in _TEMPORARY:
        raise _RetryableError(f"HTTP {status} {response.reason}", _retry_after_s(response))
    if status not in (200, 206):
        text = " ".join(response.read1(300).decode("utf-8", "replace").split())
        detail = f" ({text[:160]})" if text and not text.startswith("<") else ""
        found = f"HTTP {status} {response.reason}{detail}"
        raise VoxJaxError(mismatch(remote.name, f"to be given {url}", found, _BY_HAND))
    if (encoding := _header(response, "Content-Encoding")) not in ("", "identity"):
        raise VoxJaxError(mismatch(remote.name, "the bytes as they are", f"encoding {encoding[:20]!r}", _BY_HAND))
    size_bytes = _accept_rest(part, response) if status == 206 else _accept_all(part, response)
    if size_bytes is not None and remote.size_bytes is not None and size_bytes != remote.size_bytes:
        do = f"{url} was changed: {_BY_HAND}"
        raise VoxJaxError(mismatch(remote.name, f"{remote.size_bytes} bytes", size_bytes, do))
    return remote.size_bytes if size_bytes is None else size_bytes


def _accept_rest(part: _Part, response: urllib3.BaseHTTPResponse) -> int | None:
    found = re.fullmatch(rf"bytes ({_NUMBER})-{_NUMBER}/({_NUMBER}|\*)", _header(response, "Content-Range"))
    changed = part.version and _version(response) not in ("", part.version)
    if changed or not found or int(found[1]) != part.size:
        part.discard()
        raise _RetryableError("the file was changed on the host since it was begun")
    return None if found[2] == "*" else int(found[2])


def _accept_all(part: _Part, response: urllib3.BaseHTTPResponse) -> int | None:
    part.discard()
    if version := _version(response):
        part.version_path.write_text(version, encoding="utf-8")
    length = _header(response, "Content-Length")
    return int(length) if re.fullmatch(_NUMBER, length) else None


def _version(response: urllib3.BaseHTTPResponse) -> str:
    """The version of the file on the host; weak tags may not be used with ranges."""
    tag = _header(response, "ETag")
    return tag if tag and not tag.startswith("W/") else _header(response, "Last-Modified")


def _retry_after_s(response: urllib3.BaseHTTPResponse) -> float:
    """Seconds that the host asks to wait; urllib3 has the same, but cuts long waits to six hours."""
    text = _header(response, "Retry-After")
    if re.fullmatch(_NUMBER, text):
        return float(text)
    try:
        date = email.utils.parsedate_tz(text)
        return max(0.0, email.utils.mktime_tz(date) - time.time()) if date else 0.0
    except (ValueError, OverflowError):  # a date that no calendar has
        return 0.0


def _header(response: urllib3.BaseHTTPResponse, name: str) -> str:
    return response.headers[name] if name in response.headers else ""


def _cause(error: BaseException) -> str:
    """The text of the innermost cause, which libraries wrap several times, without the connection object."""
    while isinstance(error, exceptions.MaxRetryError) and error.reason:
        error = error.reason
    while error.args and isinstance(error.args[-1], BaseException):
        error = error.args[-1]
    return re.sub(r"^\S*Connection\S*\(.*?\): |^<.*?>: ", "", " ".join(str(error).split()))[:200]
