"""A real HTTP server on this machine, with the faults that hosts and networks have."""

import contextlib
import dataclasses
import hashlib
import http.server
import re
import socket
import threading
import time
from typing import NamedTuple


class Way(NamedTuple):
    """How one request is answered."""

    status: int = 0  # another status than the request deserves
    headers: tuple[tuple[str, str], ...] = ()
    ranges: int = 1  # 0: Range is ignored
    length: int = 1  # 0: no Content-Length
    tag: int = 1  # 0: no ETag
    cut: int | None = None  # the connection is closed after so many bytes of the body
    pace_s: float = 0.0  # pause between pieces
    piece: int = 1 << 16
    stall_s: float = 0.0  # silence before the answer
    claimed: int = 0  # size of the whole file that is said in place of the true one


@dataclasses.dataclass
class Asked:
    """What was asked."""

    path: str
    range: str
    sent: int = 0  # bytes of the body; counted before they leave, so whoever has them finds them counted


class Server:
    """Files and how they are served; both may be changed while it runs."""

    def __init__(self):
        self.files = {}  # path -> bytes
        self.ways = {}  # path -> ways, one a request; the last one stays
        self.asked = []  # every request
        self.url = ""

    def way(self, path):
        ways = self.ways.setdefault(path, [Way()])
        return ways.pop(0) if len(ways) > 1 else ways[0]

    def ranges(self, path):
        return [asked.range for asked in self.asked if asked.path == path]


def _handler(server):
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_):
            pass

        def do_GET(self):
            way = server.way(self.path)
            asked = Asked(self.path, self.headers["Range"] or "")
            server.asked.append(asked)
            time.sleep(way.stall_s)
            content = server.files[self.path] if self.path in server.files else b""
            status, start = self._status(way, content)
            with contextlib.suppress(ConnectionError):
                self._head(way, content, status, start)
                self._body(way, asked, content[start:] if status in (200, 206) else b"no")

        def _status(self, way, content):
            if way.status:
                return way.status, 0
            if self.path not in server.files:
                return 404, 0
            asked = re.fullmatch(r"bytes=(\d+)-", self.headers["Range"] or "")
            same = self.headers["If-Range"] in (None, tag(content))
            if not asked or not way.ranges or not same:
                return 200, 0
            return (206, int(asked[1])) if int(asked[1]) < len(content) else (416, 0)

        def _head(self, way, content, status, start):
            self.send_response(status)
            whole = way.claimed or len(content)
            body = whole - start if status in (200, 206) else 2
            for name, value in way.headers:
                self.send_header(name, value)
            if way.tag and status in (200, 206):
                self.send_header("ETag", tag(content))
            if status == 206:
                self.send_header("Content-Range", f"bytes {start}-{whole - 1}/{whole}")
            self.send_header(*(("Content-Length", str(body)) if way.length else ("Connection", "close")))
            self.end_headers()

        def _body(self, way, asked, body):
            end = len(body) if way.cut is None else min(way.cut, len(body))
            for at in range(0, end, way.piece):
                piece = body[at : min(at + way.piece, end)]
                asked.sent += len(piece)
                self.wfile.write(piece)
                time.sleep(way.pace_s)
            if way.cut is not None or not way.length:
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_WR)

    return Handler


def tag(content):
    return f'"{hashlib.md5(content).hexdigest()}"'


@contextlib.contextmanager
def running():
    """A server on a free port of this machine, stopped afterwards."""
    server = Server()
    listener = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _handler(server))
    listener.daemon_threads = True
    listener.block_on_close = False
    server.url = f"http://127.0.0.1:{listener.server_port}"
    thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        listener.shutdown()
        thread.join()
        listener.server_close()
