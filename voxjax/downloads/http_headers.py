"""What HTTP answers say: the version of a file, how long to wait, and why something failed (RFC 9110)."""

import email.utils
import re
from datetime import UTC, datetime

import requests
import urllib3

from voxjax.version import __version__

_MOST_REDIRECTS = 10


def session() -> requests.Session:
    """Keeps connections open between files. One a thread."""
    made = requests.Session()
    made.max_redirects = _MOST_REDIRECTS
    made.headers["User-Agent"] = f"voxjax/{__version__}"
    made.headers["Accept-Encoding"] = "identity"  # ranges count the bytes that are sent
    return made


def validator(response: requests.Response) -> str:
    """What tells this version of the file from others; weak tags may not be used with ranges."""
    tag = header(response, "ETag")
    return tag if tag and not tag.startswith("W/") else header(response, "Last-Modified")


def asked_wait_s(response: requests.Response) -> float:
    asked = header(response, "Retry-After")
    if asked.isdecimal():
        return float(asked)
    try:
        until = email.utils.parsedate_to_datetime(asked)
    except ValueError:
        return 0.0
    return max(0.0, (until.replace(tzinfo=until.tzinfo or UTC) - datetime.now(UTC)).total_seconds())


def header(response: requests.Response, name: str) -> str:
    return response.headers[name] if name in response.headers else ""


def cause(error: BaseException) -> str:
    """The innermost reason: libraries wrap it several times."""
    while error.args and isinstance(error.args[-1], BaseException):
        error = error.args[-1]
    reason = error.reason if isinstance(error, urllib3.exceptions.MaxRetryError) else None
    text = " ".join(str(reason or error).split())
    return re.sub(r"^\S*Connection\S*\(.*?\): |^<.*?>: ", "", text)[:200]
