"""One file over HTTP: gone on with where it stopped, tried again, verified, and only then given its name.

Ranges, validators and waits follow RFC 9110, sections 14 (Range), 13.1.5 (If-Range) and 10.2.3 (Retry-After).
"""

import logging
import os
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import requests
import urllib3

from voxjax.downloads import http_headers
from voxjax.errors import VoxJaxError, mismatch
from voxjax.storage import checksum
from voxjax.storage.checksum import Check

_log = logging.getLogger(__name__)
_PIECE_BYTES = 1 << 18
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})  # may be over at the next try
_BY_HAND = "try later, or get it by hand as docs/download.md says"

Tell = Callable[[int], None]  # bytes that were added; negative where a part had to be thrown away


class Remote(NamedTuple):
    """A file as its host describes it."""

    name: str  # what it is called here, as "Actor_01/a.wav"
    url: str
    size_bytes: int | None  # None where the host does not say
    check: Check | None  # None where nobody published one


class Patience(NamedTuple):
    """How long a host is waited for."""

    timeout_s: float = 60.0  # for a connection, and between two bytes
    tries: int = 5  # in a row that brought no new byte
    first_wait_s: float = 1.0  # doubled at each further try
    longest_wait_s: float = 120.0  # more than that is not waited for


class _PassingError(Exception):
    """This try failed, the next may not."""

    def __init__(self, why: str, wait_s: float = 0.0) -> None:
        super().__init__(why)
        self.wait_s = wait_s  # what the host asks for


def fetch(remote: Remote, path: Path, session: requests.Session, patience: Patience, tell: Tell) -> None:
    """Brings one file to `path`. What a broken-off call left in `path.part` is gone on with.

    Args:
        remote: one without a checksum is fetched anew even where `path` exists.
        path: its folder is made if missing. There afterwards, whole, or as it was.
        tell: called with each piece; what it raises ends the work, which can be gone on with.

    Raises:
        VoxJaxError: if the host can't be reached, refuses, or gives other bytes than those published.
    """
    if remote.check and path.is_file() and not checksum.fault(path, remote.size_bytes, remote.check):
        tell(path.stat().st_size)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    resumed = _size(part) > 0
    tell(_size(part))
    _complete(remote, part, session, patience, tell)
    wrong = checksum.fault(part, remote.size_bytes, remote.check)
    if wrong and resumed:  # the old part may be of another file
        _discard(part, tell)
        _complete(remote, part, session, patience, tell)
        wrong = checksum.fault(part, remote.size_bytes, remote.check)
    if wrong:
        _discard(part, tell)
        do = f"{remote.url} is damaged or was changed, and was not kept: {_BY_HAND}"
        raise VoxJaxError(mismatch(remote.name, *wrong, do))
    os.replace(part, path)
    _mark(part).unlink(missing_ok=True)


def _complete(remote: Remote, part: Path, session: requests.Session, patience: Patience, tell: Tell) -> None:
    """Asks until the last byte is there, and gives up after some tries without a new one."""
    idle = 0
    while True:
        before = _size(part)
        try:
            _attempt(remote, part, session, patience, tell)
            return
        except _PassingError as again:
            idle = 0 if _size(part) > before else idle + 1
            _pause(remote, again, idle, patience, tell)


def _pause(remote: Remote, again: _PassingError, idle: int, patience: Patience, tell: Tell) -> None:
    host = urlsplit(remote.url).netloc
    if idle >= patience.tries or again.wait_s > patience.longest_wait_s:
        asked = f", which asks for {again.wait_s:.0f} s of patience" if again.wait_s else ""
        do = "check the network and run again later: it goes on where it stopped"
        raise VoxJaxError(mismatch(remote.name, f"an answer from {host}{asked}", again, do))
    doubled_s = patience.first_wait_s * 2.0 ** max(idle - 1, 0)
    wait_s = max(again.wait_s, min(doubled_s, patience.longest_wait_s))
    _log.warning("%s: %s; trying again in %.0f s", host, again, wait_s)
    until = time.monotonic() + wait_s
    while (left_s := until - time.monotonic()) > 0:
        time.sleep(min(left_s, 0.2))
        tell(0)  # it may want to end the work


def _attempt(remote: Remote, part: Path, session: requests.Session, patience: Patience, tell: Tell) -> None:
    """One request for what is missing.

    Raises:
        _PassingError: if it still is, afterwards.
        VoxJaxError: where asking again is of no use.
    """
    have = _size(part)
    if have and (have == remote.size_bytes):
        return
    headers = _range(remote, part, have)
    try:
        with session.get(remote.url, headers=headers, stream=True, timeout=patience.timeout_s) as response:
            total = _begin(remote, part, response, tell)
            _append(part, response, tell)
    except (requests.exceptions.SSLError, requests.TooManyRedirects, ValueError) as error:  # ValueError: bad addresses
        raise VoxJaxError(_unusable(remote, error)) from error
    except urllib3.exceptions.IncompleteRead as error:
        raise _PassingError(f"the connection ended after {_size(part)} bytes") from error
    except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
        raise _PassingError(http_headers.cause(error)) from error
    if total is not None and _size(part) < total:
        raise _PassingError(f"the connection ended after {_size(part)} of {total} bytes")


def _range(remote: Remote, part: Path, have: int) -> dict[str, str]:
    """Asks for the rest, if it can be told that it is the rest of the same file."""
    seen = _mark(part).read_text() if _mark(part).is_file() else ""
    if not have or not (seen or remote.check):
        return {}
    return {"Range": f"bytes={have}-"} | ({"If-Range": seen} if seen else {})


def _begin(remote: Remote, part: Path, response: requests.Response, tell: Tell) -> int | None:
    """Readies the part for the body that follows; the size of the whole file where it is known."""
    status = response.status_code
    if status == 416:  # nothing lies behind the part: it is whole, or of another file
        _discard(part, tell)
        raise _PassingError("the part kept from last time does not fit and was thrown away")
    if status in _PASSING:
        raise _PassingError(f"HTTP {status} {response.reason}", http_headers.asked_wait_s(response))
    if status not in (200, 206):
        raise VoxJaxError(_refused(remote, response))
    total = _rest(part, response, tell) if status == 206 else _whole(part, response, tell)
    if total is not None and remote.size_bytes is not None and total != remote.size_bytes:
        do = f"{response.url} was changed: {_BY_HAND}"
        raise VoxJaxError(mismatch(remote.name, f"{remote.size_bytes} bytes", total, do))
    return remote.size_bytes if total is None else total


def _rest(part: Path, response: requests.Response, tell: Tell) -> int | None:
    found = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", http_headers.header(response, "Content-Range"))
    mark = _mark(part)
    changed = mark.is_file() and http_headers.validator(response) not in ("", mark.read_text())
    if changed or not found or int(found[1]) != _size(part):
        _discard(part, tell)
        raise _PassingError("the file was changed on the host since it was begun")
    return None if found[2] == "*" else int(found[2])


def _whole(part: Path, response: requests.Response, tell: Tell) -> int | None:
    _discard(part, tell)
    if validator := http_headers.validator(response):
        _mark(part).write_text(validator)
    length = http_headers.header(response, "Content-Length")
    return int(length) if length.isdecimal() else None


def _append(part: Path, response: requests.Response, tell: Tell) -> None:
    with part.open("ab") as file:
        while piece := response.raw.read1(_PIECE_BYTES):
            file.write(piece)
            tell(len(piece))


def _refused(remote: Remote, response: requests.Response) -> str:
    """A host's own words help, where they are few."""
    words = " ".join(response.raw.read(300).decode("utf-8", "replace").split())
    said = f" ({words[:160]})" if words and not words.startswith("<") else ""
    return mismatch(
        remote.name, f"to be given {response.url}", f"HTTP {response.status_code} {response.reason}{said}", _BY_HAND
    )


def _unusable(remote: Remote, error: Exception) -> str:
    return mismatch(
        remote.name, f"an http(s) address that answers at {remote.url}", http_headers.cause(error), _BY_HAND
    )


def _mark(part: Path) -> Path:
    return part.with_name(f"{part.name}.version")


def _size(part: Path) -> int:
    return part.stat().st_size if part.is_file() else 0


def _discard(part: Path, tell: Tell) -> None:
    tell(-_size(part))
    part.unlink(missing_ok=True)
    _mark(part).unlink(missing_ok=True)
