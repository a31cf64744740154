"""The recording in a request: in memory while it is small, then in a file without a name; never beyond the limits."""

import asyncio
import tempfile
import time
from collections.abc import AsyncGenerator
from typing import Any, BinaryIO, cast

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from voxjax.deploy.service.refusals import Refusal
from voxjax.deploy.service.settings import ServiceLimits
from voxjax.errors import mismatch

FIELD = "file"  # of a form
_IN_MEMORY = 2**20  # bytes
_MOST_FIELDS = 8  # of a form, so that a wrong one can be named
_RAW = ("audio/", "video/", "application/octet-stream", "application/ogg")
_ACCEPTED = "multipart/form-data with a field 'file', or the sound itself as audio/*"


class Upload:
    """A binary file of a client, whose name and place no message gives away."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def __str__(self) -> str:
        return "the sound"

    __repr__ = __str__

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def close(self) -> None:
        """Frees its memory or its place on disk."""
        self._file.close()


async def received(request: Request, limits: ServiceLimits) -> Upload:
    """The recording in the body of a request.

    Raises:
        Refusal: 408 where it comes too slowly, 411 or 413 where it is too large, 415 for another type, 422 for a form
            with other fields.
        ClientDisconnect: where the client is gone.
    """
    kind = _kind(request)
    _check_length(request, limits)
    body = _limited(request, limits)
    if kind == "multipart/form-data":
        return await _of_form(request, body)
    if not kind.startswith(_RAW):
        raise Refusal(415, mismatch("content-type", _ACCEPTED, "another type" if kind else "none", "set it"))
    spooled = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 - its reader closes it
    upload = UploadFile(cast(BinaryIO, spooled))
    try:
        async for chunk in body:
            await upload.write(chunk)
        await upload.seek(0)
    except BaseException:
        upload.file.close()
        raise
    return Upload(upload.file)


def _kind(request: Request) -> str:
    """The type of a body, as "audio/wav"."""
    given = request.headers["content-type"] if "content-type" in request.headers else ""
    return given.partition(";")[0].strip().lower()


def _check_length(request: Request, limits: ServiceLimits) -> None:
    """Checks the length that is declared, before anything is read."""
    if "content-length" not in request.headers:
        return
    declared = request.headers["content-length"]
    if not declared.isdecimal() or int(declared) > limits.max_bytes:
        raise _too_large(limits)


def _too_large(limits: ServiceLimits) -> Refusal:
    return Refusal(413, mismatch("body", f"at most {limits.max_bytes} bytes", "more", "cut the recording into parts"))


async def _limited(request: Request, limits: ServiceLimits) -> AsyncGenerator[bytes, None]:
    """The body, as far as it stays within its limits of bytes and time."""
    count, end_s, chunks = 0, time.monotonic() + limits.body_s, request.stream()
    while True:
        try:
            chunk = await asyncio.wait_for(anext(chunks), max(0.0, end_s - time.monotonic()))
        except StopAsyncIteration:
            return
        except TimeoutError as error:
            expected = f"all of it within {limits.body_s:g} s"
            raise Refusal(
                408, mismatch("body", expected, "a part", "send it faster"), {"Connection": "close"}
            ) from error
        count += len(chunk)
        if count > limits.max_bytes:
            raise _too_large(limits)
        yield chunk


async def _of_form(request: Request, body: AsyncGenerator[bytes, None]) -> Upload:
    """The file in a form with this one field."""
    parser = MultiPartParser(request.headers, body, max_files=1, max_fields=_MOST_FIELDS)
    try:
        form = await parser.parse()
    except (MultiPartException, KeyError, ValueError) as error:  # headers of parts come from the client
        raise Refusal(422, mismatch("form", f"one file in the field '{FIELD}'", "another form", "send one")) from error
    found = [(name, value) for name, value in form.multi_items()]
    if [name for name, _ in found] == [FIELD] and isinstance(found[0][1], UploadFile):
        return Upload(found[0][1].file)
    await form.close()
    what = "nothing" if not found else "further fields" if len(found) > 1 else "another field, or text in it"
    raise Refusal(422, mismatch("form", f"one file in the field '{FIELD}' and nothing else", what, "send one file"))
