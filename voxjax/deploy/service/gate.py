"""What every request passes: the token, the count, the log, and a line of JSON where something fails."""

import hashlib
import hmac
import time
import uuid
from collections.abc import Awaitable, Callable, Collection, MutableMapping
from typing import Any

from starlette.requests import ClientDisconnect
from starlette.websockets import WebSocket

from voxjax.deploy.service import logs, refusals
from voxjax.deploy.service.refusals import Refusal
from voxjax.deploy.service.service import Service

ROUTES = ("/v1/predict", "/v1/timeline", "/v1/stream", "/health", "/ready", "/metadata", "/metrics", "/openapi.json")
PROTECTED = ("/v1/", "/metrics")  # need the token, where there is one
_GONE = 499  # status in logs of a request whose client did not wait

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


class Record:
    """What is logged of a request; its handler adds the seconds of sound."""

    def __init__(self, route: str) -> None:
        self.id = uuid.uuid4().hex
        self.route = route
        self.status = 0
        self.audio_s = 0.0
        self.begun_s = time.perf_counter()


class Gate:
    """Wraps an application.

    Args:
        app: an ASGI application.
        service: whose requests these are.
    """

    def __init__(self, app: App, service: Service) -> None:
        self._app, self._service = app, service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, stream or event of the server."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        record = Record(scope["path"] if scope["path"] in ROUTES else "other")
        scope.setdefault("state", {})["record"] = record
        try:
            await self._answer(scope, receive, send, record)
        finally:
            seconds = time.perf_counter() - record.begun_s
            self._service.metrics.request(record.route, record.status, seconds, record.audio_s)
            about = {"request": record.id, "route": record.route, "status": record.status}
            logs.event("request", **about, ms=round(1e3 * seconds, 1), audio_s=round(record.audio_s, 3))

    async def _answer(self, scope: Scope, receive: Receive, send: Send, record: Record) -> None:
        async def noted(message: Message) -> None:
            if message["type"] in ("http.response.start", "websocket.http.response.start"):
                record.status = message["status"]
                own = [(b"x-request-id", record.id.encode()), (b"cache-control", b"no-store")]
                message["headers"] = [*message["headers"], *own, (b"x-content-type-options", b"nosniff")]
            elif message["type"] == "websocket.accept":
                record.status = 101
            await send(message)

        try:
            refusal = self._refusal(scope)
            if refusal is None:
                await self._app(scope, receive, noted)
            elif scope["type"] == "http":
                await refusals.response(refusal)(scope, receive, noted)
            else:
                await WebSocket(scope, receive, noted).send_denial_response(refusals.response(refusal))
        except ClientDisconnect:
            record.status = _GONE
        except Exception as error:
            logs.failure(record.id, error)
            if not record.status and scope["type"] == "http":
                failed = Refusal(500, f"the service failed; its log says more of request {record.id}")
                await refusals.response(failed)(scope, receive, noted)

    def _refusal(self, scope: Scope) -> Refusal | None:
        """Why a request is refused before anybody reads it."""
        if not scope["path"].startswith(PROTECTED):
            return None
        headers = dict(scope["headers"])
        if self._service.token is not None and not _has_token(headers, self._service.token):
            error = "authorization: expected the bearer token of this service, found none or another; send it"
            return Refusal(401, error, {"WWW-Authenticate": "Bearer"})
        if scope["type"] == "websocket" and not _is_allowed(headers, self._service.origins):
            return Refusal(403, "origin: expected a page of this service, found another; start it with --allow_origin")
        if self._service.is_stopping and scope["path"].startswith("/v1/"):
            return refusals.stopping()
        return None


def _is_allowed(headers: MutableMapping[bytes, bytes], origins: Collection[str]) -> bool:
    """Whether a stream may be opened from where it comes: any program, or a page of an allowed origin.

    Browsers send the origin of the page. Unlike other answers, they let any page read those of a WebSocket.
    """
    if b"origin" not in headers:
        return True
    origin = headers[b"origin"].decode("latin-1").lower()
    host = headers[b"host"].decode("latin-1").lower() if b"host" in headers else ""
    return origin in origins or (bool(host) and origin.partition("://")[2] == host)


def _has_token(headers: MutableMapping[bytes, bytes], token: str) -> bool:
    """Whether a request bears the token; compared in constant time, whatever its length."""
    given = headers[b"authorization"] if b"authorization" in headers else b""
    scheme, _, found = given.partition(b" ")
    digests = (hashlib.sha256(one).digest() for one in (found.strip(), token.encode()))
    return hmac.compare_digest(*digests) and scheme.lower() == b"bearer"
