"""A local HTTP server with the faults of real hosts and networks."""

import contextlib
import dataclasses
import hashlib
import http.server
import re
import socket
import threading
import time
from typing import NamedTuple


class Response(NamedTuple):
    """How one request is answered."""

    status: int = 0  # in place of the correct status
    headers: tuple[tuple[str, str], ...] = ()
    ranges: int = 1  # 0: Range is ignored
    length: int = 1  # 0: no Content-Length
    tag: int = 1  # 0: no ETag
    cut: int | None = None  # the connection is closed after this many bytes of the body
    pace_s: float = 0.0  # pause between chunks
    chunk: int = 1 << 16
    stall_s: float = 0.0  # pause before the answer
    claimed: int = 0  # a false size of the complete file


@dataclasses.dataclass
class Request:
    """A request that arrived."""

    path: str
    range: str
    sent: int = 0  # bytes of the body; counted before they are sent, so that a client never has more than are counted


class Server:
    """Files and how they are served; both may be changed while it runs."""

    def __init__(self):
        self.files = {}  # path -> bytes
        self.responses = {}  # path -> responses, one for each request; the last one stays
        self.requests = []  # every request
        self.url = ""

    def response(self, path):
        responses = self.responses.setdefault(path, [Response()])
        return responses.pop(0) if len(responses) > 1 else responses[0]

    def ranges(self, path):
        return [request.range for request in self.requests if request.path == path]


def _handler(server):
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_):
            pass

        def do_GET(self):
            response = server.response(self.path)
            request = Request(self.path, self.headers["Range"] or "")
            server.requests.append(request)
            time.sleep(response.stall_s)
            content = server.files[self.path] if self.path in server.files else b""
            status, start = self._status(response, content)
            with contextlib.suppress(ConnectionError):
                self._head(response, content, status, start)
                self._body(response, request, content[start:] if status in (200, 206) else b"no")

        def _status(self, response, content):
            if response.status:
                return response.status, 0
            if self.path not in server.files:
                return 404, 0
            wanted = re.fullmatch(r"bytes=(\d+)-", self.headers["Range"] or "")
            same = self.headers["If-Range"] in (None, tag(content))
            if not wanted or not response.ranges or not same:
                return 200, 0
            return (206, int(wanted[1])) if int(wanted[1]) < len(content) else (416, 0)

        def _head(self, response, content, status, start):
            self.send_response(status)
            size = response.claimed or len(content)
            body = size - start if status in (200, 206) else 2
            for name, value in response.headers:
                self.send_header(name, value)
            if response.tag and status in (200, 206):
                self.send_header("ETag", tag(content))
            if status == 206:
                self.send_header("Content-Range", f"bytes {start}-{size - 1}/{size}")
            self.send_header(*(("Content-Length", str(body)) if response.length else ("Connection", "close")))
            self.end_headers()

        def _body(self, response, request, body):
            end = len(body) if response.cut is None else min(response.cut, len(body))
            for at in range(0, end, response.chunk):
                chunk = body[at : min(at + response.chunk, end)]
                request.sent += len(chunk)
                self.wfile.write(chunk)
                time.sleep(response.pace_s)
            if response.cut is not None or not response.length:
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_WR)

    return Handler


def tag(content):
    return f'"{hashlib.md5(content).hexdigest()}"'


@contextlib.contextmanager
def listening(server, handler):
    """The server with this handler on a free port of this machine, stopped afterwards."""
    listener = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
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


def running():
    """A server on a free port of this machine, stopped afterwards."""
    server = Server()
    return listening(server, _handler(server))


@contextlib.contextmanager
def speaking(parts, pace_s):
    """The address of a server that answers each connection with these parts of bytes, whatever is asked."""
    listener = socket.create_server(("127.0.0.1", 0))
    ended = threading.Event()

    def answer():
        while not ended.is_set():
            with contextlib.suppress(OSError), listener.accept()[0] as connection:
                connection.recv(65_536)
                for part in parts:
                    connection.sendall(part)
                    if ended.wait(pace_s):
                        break

    threads = [threading.Thread(target=answer, daemon=True) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
    finally:
        ended.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
