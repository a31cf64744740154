"""The server around the application: its socket, its signals, and how it stops."""

import asyncio
import contextlib
import json
import signal
import socket
import sys
from collections.abc import Iterator
from typing import Any

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from voxjax.deploy.service import app, logs, refusals, stream
from voxjax.deploy.service.service import Service
from voxjax.deploy.service.settings import ServiceLimits, is_loopback
from voxjax.errors import VoxJaxError, mismatch

_BACKLOG = 256  # connections that wait to be accepted
_LOOK_S = 0.05  # between looks whether all requests are done


def run(service: Service, host: str, port: int) -> None:
    """Serves until the process is asked to stop (SIGTERM, Ctrl-C), and then finishes what is running.

    Args:
        service: answers.
        host: address to listen on.
        port: 0 for a free one.

    Raises:
        VoxJaxError: where the address can't be listened on.
    """
    with contextlib.closing(listening(host, port)) as found:
        logs.set_up()
        place = found.getsockname()
        if not is_loopback(host) and service.token is None:
            text = f"warning: {host} is reached from other machines, and anyone may ask: give a token (--token_file)"
            print(text, file=sys.stderr, flush=True)
        shown = f"[{place[0]}]" if ":" in place[0] else place[0]
        logs.event("listening", address=f"http://{shown}:{place[1]}", model=service.model)
        asyncio.run(_serve(service, found))
    logs.event("stopped")


def listening(host: str, port: int) -> socket.socket:
    """A socket that listens.

    Raises:
        VoxJaxError: where the address is wrong or taken.
    """
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        return socket.create_server(address[:2], family=family, backlog=_BACKLOG)
    except OSError as error:
        found = " ".join(str(error.strerror or error).split())
        do = "take another with --host and --port"
        raise VoxJaxError(mismatch(f"{host}:{port}", "an address to listen on", found, do)) from error


async def _serve(service: Service, found: socket.socket) -> None:
    server = _Server(_config(service))
    loop = asyncio.get_running_loop()
    asked = asyncio.Event()

    def stop() -> None:
        if asked.is_set():
            server.should_exit = server.force_exit = True  # asked twice
        asked.set()

    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop)
    stopping = asyncio.create_task(_stop(service, server, asked))
    await server.serve(sockets=[found])
    stopping.cancel()
    service.close()


async def _stop(service: Service, server: uvicorn.Server, asked: asyncio.Event) -> None:
    """Once asked, lets what runs finish, while `/ready` says that no more is taken."""
    await asked.wait()
    service.is_stopping = True
    logs.event("stopping", requests=service.requests, streams=service.streams)
    await asyncio.sleep(service.limits.notice_s)
    end_s = asyncio.get_running_loop().time() + service.limits.stop_s
    while (service.requests or service.streams) and asyncio.get_running_loop().time() < end_s:
        await asyncio.sleep(_LOOK_S)
    server.should_exit = True


class _Server(uvicorn.Server):
    """Leaves signals to `_serve`: the base ends the process by the signal, not with exit code 0."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _config(service: Service) -> uvicorn.Config:
    limits: ServiceLimits = service.limits

    class Protocol(_PromptProtocol):
        head_s, max_connections = limits.head_s, limits.max_connections

    return uvicorn.Config(
        app.build(service),
        http=Protocol,
        ws="websockets-sansio",
        ws_max_size=stream.MOST_BYTES,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=5,
        timeout_graceful_shutdown=2,
    )


class _PromptProtocol(H11Protocol):
    """HTTP/1.1 in which the head of a request must come in time, on new and on kept connections.

    Connections are limited here: uvicorn's own limit answers in plain text.
    """

    head_s, max_connections = 10.0, 400

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        if len(self.connections) > self.max_connections:
            self.app = refusals.response(refusals.full())
        self._late = self._timer()

    def connection_lost(self, exc: Exception | None) -> None:
        self._late.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._is_answering() or self.transport.get_protocol() is not self:
            self._late.cancel()
        elif self._late.cancelled():
            self._late = self._timer()

    def send_400_response(self, msg: str) -> None:
        """Answers what is no HTTP request, in the shape of all errors."""
        body = json.dumps({"error": msg}).encode()
        head = [
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(body)),
            (b"connection", b"close"),
        ]
        for event in (h11.Response(status_code=400, headers=head), h11.Data(data=body), h11.EndOfMessage()):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    def _timer(self) -> asyncio.TimerHandle:
        return asyncio.get_running_loop().call_later(self.head_s, self._close_if_idle)

    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _close_if_idle(self) -> None:
        if not self._is_answering() and self.transport.get_protocol() is self:
            self.transport.close()
