"""Download of one file over HTTP: resumed, retried, verified.

urllib3 keeps the connections and follows redirects. Its `Retry` repeats a request only before the body begins, so the
loop that resumes a body is here. Range, If-Range and Retry-After follow RFC 9110, sections 14, 13.1.5 and 10.2.3.
"""

import email.utils
import logging
import os
import re
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urljoin, urlsplit

import urllib3
from urllib3 import exceptions
from urllib3.util import Retry, make_headers, parse_url

from voxjax.errors import VoxJaxError, mismatch
from voxjax.storage import checksum
from voxjax.storage.checksum import Checksum
from voxjax.version import __version__

_log = logging.getLogger(__name__)
_CHUNK_BYTES = 1 << 18
_CONNECTIONS = 6  # to one host: enough to hide latency, without overloading the host
_TEMPORARY = frozenset({408, 425, 429, 500, 502, 503, 504})  # HTTP statuses that may be over at the next try
_REDIRECTS = Retry(total=None, connect=False, read=False, other=0, redirect=10)  # tries are counted in `_complete`
_BY_HAND = "try later, or download it by hand, see docs/download.md"

OnProgress = Callable[[int], None]  # called with the number of new bytes; negative if a part was discarded


class RemoteFile(NamedTuple):
    """A file as its host describes it."""

    name: str  # below the local folder, as "Actor_01/a.wav"
    url: str
    size_bytes: int | None  # None if the host does not publish it
    checksum: Checksum | None  # None if none is published


class RetryPolicy(NamedTuple):
    """Time limits, and the number of tries."""

    timeout_s: float = 60.0  # for a connection, and between two bytes
    tries: int = 5  # in a row that brought no new byte
    first_wait_s: float = 1.0  # doubled at each further try
    longest_wait_s: float = 120.0  # a host that asks for more is given up


class _RetryableError(Exception):
    """A try failed, and the next one may succeed."""

    def __init__(self, reason: str, wait_s: float = 0.0) -> None:
        super().__init__(reason)
        self.wait_s = wait_s  # the wait that the host asks for


def connection_pool(url: str) -> urllib3.PoolManager:
    """Connections for an address, by way of the proxy in `HTTPS_PROXY` or `HTTP_PROXY` if one is set. Thread-safe."""
    headers = {"User-Agent": f"voxjax/{__version__}", "Accept-Encoding": "identity"}  # ranges count bytes as sent
    address, proxies = urlsplit(url), urllib.request.getproxies()
    if address.scheme not in proxies or urllib.request.proxy_bypass(address.hostname or ""):
        return urllib3.PoolManager(maxsize=_CONNECTIONS, headers=headers)
    proxy = proxies[address.scheme]
    proxy = proxy if "://" in proxy else f"http://{proxy}"
    auth = make_headers(proxy_basic_auth=unquote(parse_url(proxy).auth or "")) if "@" in proxy else None
    return urllib3.ProxyManager(proxy, maxsize=_CONNECTIONS, headers=headers, proxy_headers=auth)


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

    def append(self, response: urllib3.BaseHTTPResponse) -> None:
        with self.path.open("ab") as file:
            while chunk := response.read1(_CHUNK_BYTES):
                file.write(chunk)
                self.on_progress(len(chunk))


def _complete(remote: RemoteFile, part: _Part, pool: urllib3.PoolManager, policy: RetryPolicy) -> None:
    """Requests the missing bytes until all have arrived; gives up after some tries without a new one."""
    failures = 0
    while part.size == 0 or part.size != remote.size_bytes:
        before = part.size
        try:
            return _request(remote, part, pool, policy.timeout_s)
        except _RetryableError as error:
            failures = 0 if part.size > before else failures + 1
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


def _request(remote: RemoteFile, part: _Part, pool: urllib3.PoolManager, timeout_s: float) -> None:
    """One request for the missing bytes.

    Raises:
        _RetryableError: if some are still missing.
        VoxJaxError: if another request would fail, too.
    """
    headers = dict(pool.headers)
    if part.size and (part.version or remote.checksum):  # without both, the rest might be of another file
        headers |= {"Range": f"bytes={part.size}-"} | ({"If-Range": part.version} if part.version else {})
    try:
        with pool.request(
            "GET", remote.url, headers=headers, timeout=timeout_s, retries=_REDIRECTS, preload_content=False
        ) as response:
            size_bytes = _accept(remote, part, response)
            part.append(response)
    except (exceptions.MaxRetryError, exceptions.SSLError, exceptions.LocationValueError) as error:
        do = mismatch(remote.name, f"an http(s) address that answers at {remote.url}", _cause(error), _BY_HAND)
        raise VoxJaxError(do) from error
    except exceptions.IncompleteRead as error:
        raise _RetryableError(f"the connection ended after {part.size} bytes") from error
    except exceptions.HTTPError as error:
        raise _RetryableError(_cause(error)) from error
    if size_bytes is not None and part.size < size_bytes:
        raise _RetryableError(f"the connection ended after {part.size} of {size_bytes} bytes")


def _accept(remote: RemoteFile, part: _Part, response: urllib3.BaseHTTPResponse) -> int | None:
    """Checks an answer and prepares the part for its body; returns the size of the complete file if known."""
    status, url = response.status, urljoin(remote.url, response.geturl() or "")
    if status == 416:  # no bytes after the part: it is complete, or of another file
        part.discard()
        raise _RetryableError("the part kept from last time does not fit and was thrown away")
    if status in _TEMPORARY:
        raise _RetryableError(f"HTTP {status} {response.reason}", _retry_after_s(response))
    if status not in (200, 206):
        text = " ".join(response.read(300).decode("utf-8", "replace").split())
        detail = f" ({text[:160]})" if text and not text.startswith("<") else ""
        found = f"HTTP {status} {response.reason}{detail}"
        raise VoxJaxError(mismatch(remote.name, f"to be given {url}", found, _BY_HAND))
    size_bytes = _accept_rest(part, response) if status == 206 else _accept_all(part, response)
    if size_bytes is not None and remote.size_bytes is not None and size_bytes != remote.size_bytes:
        do = f"{url} was changed: {_BY_HAND}"
        raise VoxJaxError(mismatch(remote.name, f"{remote.size_bytes} bytes", size_bytes, do))
    return remote.size_bytes if size_bytes is None else size_bytes


def _accept_rest(part: _Part, response: urllib3.BaseHTTPResponse) -> int | None:
    found = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", _header(response, "Content-Range"))
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
    return int(length) if length.isdecimal() else None


def _version(response: urllib3.BaseHTTPResponse) -> str:
    """The version of the file on the host; weak tags may not be used with ranges."""
    tag = _header(response, "ETag")
    return tag if tag and not tag.startswith("W/") else _header(response, "Last-Modified")


def _retry_after_s(response: urllib3.BaseHTTPResponse) -> float:
    """Seconds that the host asks to wait; urllib3 has the same, but cuts long waits to six hours."""
    text = _header(response, "Retry-After")
    date = email.utils.parsedate_tz(text)
    return float(text) if text.isdecimal() else max(0.0, email.utils.mktime_tz(date) - time.time()) if date else 0.0


def _header(response: urllib3.BaseHTTPResponse, name: str) -> str:
    return response.headers[name] if name in response.headers else ""


def _cause(error: BaseException) -> str:
    """The text of the innermost cause, which libraries wrap several times, without the connection object."""
    while isinstance(error, exceptions.MaxRetryError) and error.reason:
        error = error.reason
    while error.args and isinstance(error.args[-1], BaseException):
        error = error.args[-1]
    return re.sub(r"^\S*Connection\S*\(.*?\): |^<.*?>: ", "", " ".join(str(error).split()))[:200]
