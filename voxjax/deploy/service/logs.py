"""Logs of a service: one JSON object a line, without sound, file names or anything else that a client sent."""

import contextlib
import datetime
import logging
import sys
import traceback
from pathlib import Path

from voxjax.storage.safe_text import json_line

_LOGGER = logging.getLogger("voxjax.deploy.service.requests")
_DEEPEST = 6  # places of an error that are logged


def set_up() -> None:
    """Sends the lines to standard output, and the server's own as lines of the same kind."""
    handler = _Output()
    handler.setFormatter(_Line())
    for logger, level in ((_LOGGER, logging.INFO), (logging.getLogger("uvicorn"), logging.WARNING)):
        logger.handlers, logger.propagate = [handler], False
        logger.setLevel(level)
    for name in ("uvicorn.error", "uvicorn.access", "uvicorn.asgi"):
        logging.getLogger(name).setLevel(logging.WARNING)
    for name in ("websockets.server", "asyncio", "multipart", "python_multipart"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # they quote what clients send


def event(name: str, **values: object) -> None:
    """Logs what happened.

    Args:
        name: of the kind of event, as "request".
        values: numbers, and texts of this package's own.
    """
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")
    _LOGGER.info(json_line({"time": now, "event": name, **values}))


def failure(request: str, error: BaseException) -> None:
    """Logs an error that nobody foresaw: its kind and where it arose, but not its text, which may quote a client."""
    frames = traceback.extract_tb(error.__traceback__)[-_DEEPEST:]
    places = [f"{Path(frame.filename).name}:{frame.lineno}" for frame in frames]
    event("failure", request=request, type=type(error).__name__, where=places)


class _Output(logging.Handler):
    """Writes to standard output, wherever that leads now."""

    def emit(self, record: logging.LogRecord) -> None:
        with contextlib.suppress(OSError, ValueError):  # a log that can't be written must not cost an answer
            print(self.format(record), file=sys.stdout, flush=True)


class _Line(logging.Formatter):
    """Lines of this package as they are; others as an event, without a stack trace."""

    def format(self, record: logging.LogRecord) -> str:
        if record.name == _LOGGER.name:
            return record.getMessage()
        now = datetime.datetime.fromtimestamp(record.created, datetime.UTC).isoformat(timespec="milliseconds")
        return json_line({"time": now, "event": "server", "message": record.getMessage().splitlines()[0][:200]})
