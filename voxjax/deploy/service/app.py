"""The application: routes, and one shape for all errors."""

import asyncio
import contextlib
import json
import threading
from collections.abc import AsyncIterator
from concurrent.futures import Future
from typing import Annotated, Any, TypeVar

from fastapi import FastAPI, Query, Request, Response, WebSocket
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from voxjax.deploy.service import metrics, refusals, schemas, stream, upload
from voxjax.deploy.service.gate import PROTECTED, Gate
from voxjax.deploy.service.refusals import Refusal
from voxjax.deploy.service.service import Service, TimelineWork, timeline_options
from voxjax.errors import VoxJaxError
from voxjax.inference.segments import Timeline
from voxjax.inference.timeline_formats import TIMELINE_FORMATS
from voxjax.inference.timeline_formats.base import check_installed
from voxjax.version import __version__

T = TypeVar("T")

_STATUSES = {
    401: "no token, or another",
    408: "the body came too slowly",
    413: "the body is too large",
    415: "another type of body",
    422: "sound, form or options that can't be used",
    429: "too many requests at once; Retry-After says when to try again",
    503: "starting or stopping",
    504: "not answered in time",
}
_ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"model": schemas.Failure, "description": text} for status, text in _STATUSES.items()
}
_BINARY = {"schema": {"type": "string", "format": "binary"}}
_FORM = {"type": "object", "properties": {upload.FIELD: _BINARY["schema"]}, "required": [upload.FIELD]}
_BODY = {
    "requestBody": {
        "required": True,
        "content": {"multipart/form-data": {"schema": _FORM}, "audio/*": _BINARY, "application/octet-stream": _BINARY},
    }
}


def build(service: Service) -> Gate:
    """The ASGI application of a service."""

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        warming = asyncio.create_task(asyncio.to_thread(service.warm_up))
        yield
        warming.cancel()

    app = FastAPI(
        title="VoxJAX", version=__version__, lifespan=lifespan, docs_url=None, redoc_url=None, redirect_slashes=False
    )
    app.add_exception_handler(HTTPException, _denied)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(Exception, _failed)
    _add_answers(app, service)
    _add_state(app, service)

    @app.websocket("/v1/stream")
    async def stream_(websocket: WebSocket) -> None:
        await stream.serve(service, websocket)

    if service.token is not None:
        _state_token(app)
    return Gate(app, service)


def _state_token(app: FastAPI) -> None:
    """States in the OpenAPI document which routes need the token; `Gate` checks it."""
    document = app.openapi()
    document["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    for path, operations in document["paths"].items():
        for operation in operations.values():
            operation["security"] = [{"token": []}] if path.startswith(PROTECTED) else []


def _add_answers(app: FastAPI, service: Service) -> None:
    """The routes that answer recordings."""

    @app.post("/v1/predict", response_model=schemas.Prediction, responses=_ERRORS, openapi_extra=_BODY)
    async def predict(request: Request) -> Any:
        """The emotion of a recording."""
        _check_query(request, ())
        with service.request():
            found = await _answered(request, service, service.predict(await upload.received(request, service.limits)))
        if "error" in found:
            raise Refusal(422, str(found["error"]))
        request.state.record.audio_s = found["duration_s"]
        return found

    @app.post(
        "/v1/timeline",
        response_model=schemas.TimelineAnswer,
        responses={**_ERRORS, 200: {"content": {one: {} for one in {*schemas.MEDIA_TYPES.values(), "text/plain"}}}},
        openapi_extra=_BODY,
    )
    async def timeline(request: Request, query: Annotated[schemas.TimelineQuery, Query()]) -> Any:
        """The emotions of a recording over time."""
        style = TIMELINE_FORMATS[query.format]
        try:
            check_installed(style)
            options = timeline_options(
                window_s=query.window,
                hop_s=query.hop,
                vad=query.vad,
                smoothing=query.smoothing,
                separate=query.channels == "separate",
            )
        except VoxJaxError as error:
            raise Refusal(422, str(error)) from error
        given_up = threading.Event()
        with service.request():
            try:
                work = TimelineWork(await upload.received(request, service.limits), options, given_up)
                found = await _answered(request, service, service.timeline(work))
            except VoxJaxError as error:
                raise Refusal(422, str(error)) from error
            finally:
                given_up.set()
        request.state.record.audio_s = found.duration_s
        return _written(found, query.format, service.model)


def _add_state(app: FastAPI, service: Service) -> None:
    """The routes that describe the service."""
    errors: dict[int | str, dict[str, Any]] = {503: _ERRORS[503]}

    @app.get("/health", response_model=schemas.Health, responses=errors)
    async def health() -> Any:
        """That the service runs; 503 where it must be started again."""
        if not service.is_healthy():
            raise Refusal(503, "a thread of the service has ended; start it again")
        return {"status": "ok"}

    @app.get("/ready", response_model=schemas.Ready, responses=errors)
    async def ready() -> Any:
        """That the service takes requests; 503 while it starts or stops."""
        if not service.is_ready():
            raise Refusal(503, "the service is stopping" if service.is_stopping else "the service is starting")
        return {"ready": True}

    @app.get("/metadata", response_model=schemas.Metadata)
    async def metadata() -> Any:
        """The model: labels, rate, licence and the figures that it was published with."""
        return service.about()

    @app.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}, 401: _ERRORS[401]})
    async def metrics_() -> Response:
        """Numbers of the service as Prometheus reads them."""
        return Response(service.metrics.text(), media_type=metrics.CONTENT_TYPE)


async def _answered(request: Request, service: Service, future: "Future[T]") -> T:
    """The result of a future, as long as the client waits and time is left.

    Raises:
        Refusal: 504 where it takes too long.
        ClientDisconnect: where the client is gone.
    """
    result = asyncio.wrap_future(future)
    gone = asyncio.ensure_future(_gone(request))
    try:
        limit_s = service.limits.answer_s
        both: set[asyncio.Future[Any]] = {result, gone}
        done, _ = await asyncio.wait(both, timeout=limit_s, return_when=asyncio.FIRST_COMPLETED)
        if result in done:
            return result.result()
        if gone in done:
            raise ClientDisconnect()
        raise Refusal(504, f"no answer within {limit_s:g} s; send a shorter recording, or try again")
    finally:
        gone.cancel()
        result.cancel()  # frees its place in the queue


async def _gone(request: Request) -> None:
    """Returns when the client has closed the connection."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _written(found: Timeline, format_name: str, model: str) -> Response:
    """A timeline in a format, without a path of the server in it."""
    content = TIMELINE_FORMATS[format_name].write([_without_paths(found, model)])
    if format_name != "json":
        known = schemas.MEDIA_TYPES
        return Response(content, media_type=known[format_name] if format_name in known else "text/plain")
    value = json.loads(content)[0]
    return JSONResponse({name: value[name] for name in schemas.TimelineAnswer.model_fields})


def _without_paths(found: Timeline, model: str) -> Timeline:
    return Timeline("sound", found.duration_s, model, found.labels, found.segments, found.warnings)


def _check_query(request: Request, known: tuple[str, ...]) -> None:
    if unknown := [name for name in request.query_params if name not in known]:
        raise Refusal(422, f"query: expected no parameters, found {len(unknown)}; leave them out")


def _denied(request: Request, error: Exception) -> Response:
    return refusals.response(error if isinstance(error, HTTPException) else Refusal(500, "the service failed"))


def _invalid(request: Request, error: Exception) -> Response:
    """Options that don't fit, in one line without what was sent."""
    first = error.errors()[0] if isinstance(error, RequestValidationError) else {"loc": (), "msg": ""}
    place = " ".join(str(one) for one in first["loc"] if isinstance(one, str) and one.isidentifier())[:80]
    return refusals.response(Refusal(422, f"{place}: {first['msg']}"))


def _failed(request: Request, error: Exception) -> Response:
    text = f"the service failed; its log says more of request {request.state.record.id}"
    return refusals.response(Refusal(500, text))
