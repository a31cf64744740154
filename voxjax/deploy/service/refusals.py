"""Requests that are refused: each has a status and one line."""

from collections.abc import Mapping

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

RETRY_S = 1  # after which a client that met a full queue may try again


class Refusal(HTTPException):
    """A request that gets no answer.

    Args:
        status: of the response.
        error: one line.
        headers: of the response.
    """

    def __init__(self, status: int, error: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status, " ".join(error.split()), dict(headers or {}))


def response(refusal: HTTPException) -> JSONResponse:
    """The response to a refused request."""
    return JSONResponse({"error": str(refusal.detail)}, refusal.status_code, refusal.headers)


def busy(what: str) -> Refusal:
    """Too many at once."""
    return Refusal(429, f"{what}; try again", {"Retry-After": str(RETRY_S)})


def stopping() -> Refusal:
    """The service stops."""
    return Refusal(503, "the service is stopping; try again", {"Retry-After": "5", "Connection": "close"})


def full() -> Refusal:
    """Too many open connections."""
    return Refusal(503, "too many connections are open; try again", {"Retry-After": "5", "Connection": "close"})
