"""HTTP connections to hosts that are not trusted: a whole answer's head in time, and no way back from https to http."""

import contextlib
import socket
import threading
import urllib.request
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit

import urllib3
from urllib3 import exceptions
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.util import Retry, make_headers, parse_url

from voxjax.version import __version__

_AT_ONCE = 6  # to one host: enough to hide latency, without overloading the host
_MOST_REDIRECTS = 10
_NO_RETRIES = Retry(total=None, connect=False, read=False, other=0, redirect=False)  # the caller counts tries


class _DeadlineConnection(HTTPConnection):
    """A connection whose timeout holds for all headers of an answer together.

    The timeout of a socket begins anew at each byte, so that a host could keep a client for days.
    """

    def getresponse(self) -> Any:
        ended = threading.Event()
        timer = threading.Timer(float(self.timeout or 60.0), _end, [self, ended])
        timer.daemon = True
        timer.start()
        try:
            response = super().getresponse()
        except Exception as error:
            if ended.is_set():
                raise TimeoutError("no complete answer in time") from error
            raise
        finally:
            timer.cancel()
        if ended.is_set():  # http.client takes the end of a connection for the end of the headers
            response.close()
            raise TimeoutError("no complete answer in time")
        return response


class _DeadlineSecureConnection(_DeadlineConnection, HTTPSConnection):
    """As `_DeadlineConnection`, over TLS."""


def _end(connection: HTTPConnection, ended: threading.Event) -> None:
    """Ends a connection that another thread is reading from."""
    ended.set()
    sock = connection.sock
    if sock is not None:
        with contextlib.suppress(OSError):  # the other thread may have closed it since, or the host may have
            sock.shutdown(socket.SHUT_RDWR)


class _Pool(urllib3.HTTPConnectionPool):
    ConnectionCls = _DeadlineConnection


class _SecurePool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _DeadlineSecureConnection


def connection_pool(url: str) -> urllib3.PoolManager:
    """Connections for an address, by way of the proxy in `HTTPS_PROXY` or `HTTP_PROXY` if one is set. Thread-safe."""
    headers = {"User-Agent": f"voxjax/{__version__}", "Accept-Encoding": "identity"}  # ranges count bytes as sent
    pool = _manager(url, headers)
    pool.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}
    return pool


def _manager(url: str, headers: dict[str, str]) -> urllib3.PoolManager:
    address, proxies = urlsplit(url), urllib.request.getproxies()
    if address.scheme not in proxies or urllib.request.proxy_bypass(address.hostname or ""):
        return urllib3.PoolManager(maxsize=_AT_ONCE, headers=headers)
    proxy = proxies[address.scheme]
    proxy = proxy if "://" in proxy else f"http://{proxy}"
    auth = make_headers(proxy_basic_auth=unquote(parse_url(proxy).auth or "")) if "@" in proxy else None
    return urllib3.ProxyManager(proxy, maxsize=_AT_ONCE, headers=headers, proxy_headers=auth)


def request(pool: urllib3.PoolManager, url: str, headers: dict[str, str], timeout_s: float) -> urllib3.BaseHTTPResponse:
    """The answer to a GET request, redirects followed; its body is not yet read.

    Args:
        timeout_s: for a connection, for all headers of an answer, and between two bytes of its body.

    Raises:
        urllib3.exceptions.HTTPError: if there is no answer.
        urllib3.exceptions.LocationValueError: at a redirect that is not followed: from https to http, to another kind
            of address, or the eleventh.
    """
    for _ in range(_MOST_REDIRECTS + 1):
        response = pool.request(
            "GET", url, headers=headers, timeout=timeout_s, retries=_NO_RETRIES, redirect=False, preload_content=False
        )
        target = response.get_redirect_location()
        if not target:
            return response
        response.close()
        before, url = url, urljoin(url, target)
        if urlsplit(before).scheme == "https" and urlsplit(url).scheme == "http":
            raise exceptions.LocationValueError(f"a redirect from https to {url[:160]}, where anyone could change it")
    raise exceptions.LocationValueError("too many redirects")
