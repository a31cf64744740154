"""A stream: sound comes in as it is spoken, and segments go out as they close.

The client's first message is JSON (`schemas.StreamStart`), all others are samples in binary; `{"type": "end"}` ends the
sound. The service sends JSON: "start", a "segment" each, and "end" or "error" before it closes.
"""

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import soxr
from fastapi import WebSocket
from jaxtyping import Float32
from pydantic import ValidationError

from voxjax.audio.limits import AudioLimits
from voxjax.audio.mixing import SHORTEST_SOUND_S, check_values, sound_s
from voxjax.deploy.service import refusals
from voxjax.deploy.service.refusals import Refusal
from voxjax.deploy.service.schemas import StreamStart
from voxjax.deploy.service.service import Service
from voxjax.errors import VoxJaxError, mismatch
from voxjax.inference import timeline_segments
from voxjax.inference.live_speech import LATENCY_S, LiveSpeech
from voxjax.inference.segments import Segment
from voxjax.inference.smoothing import SMOOTHING
from voxjax.inference.timeline import DEFAULT_WINDOW_S
from voxjax.inference.timeline_windows import Window
from voxjax.storage.json_values import plain

MOST_BYTES = 2**20  # of a message
_POLICY, _RESTART, _FAILED = 1008, 1012, 1011  # codes of a closed WebSocket, RFC 6455
_NO_SOUND = np.zeros(0, np.float32)
_CHECK_S = 0.25  # between looks whether the service stops


async def serve(service: Service, websocket: WebSocket) -> None:
    """Serves one stream to its end."""
    try:
        with service.stream():
            await websocket.accept()
            await _Stream(service, websocket).run()
    except Refusal as refusal:
        await websocket.send_denial_response(refusals.response(refusal))


class _GoneError(Exception):
    """The client has closed the connection."""


class _Samples:
    """Samples at the model's rate from the bytes of messages."""

    def __init__(self, start: StreamStart, rate_hz: int) -> None:
        self._dtype = np.dtype("<i2" if start.format == "pcm_s16le" else "<f4")
        self._resampler = (
            None if start.rate == rate_hz else soxr.ResampleStream(start.rate, rate_hz, 1, dtype="float32")
        )
        self._rate_hz = start.rate
        self.duration_s = 0.0

    def of(self, data: bytes, last: bool = False) -> Float32[np.ndarray, " time"]:
        """The next samples.

        Raises:
            VoxJaxError: at a part of a sample, and values that can't be sound.
        """
        if len(data) % self._dtype.itemsize:
            expected = f"whole samples of {self._dtype.itemsize} bytes"
            raise VoxJaxError(mismatch("message", expected, f"{len(data)} bytes", "send whole samples"))
        given = np.frombuffer(data, self._dtype)
        samples = given.astype(np.float32) / (2.0**15 if self._dtype.kind == "i" else 1.0)
        samples = samples.astype(np.float32)
        if len(samples):
            check_values(samples[:, None], "message", AudioLimits())
        self.duration_s += len(samples) / self._rate_hz
        return samples if self._resampler is None else self._resampler.resample_chunk(samples, last=last)


class _Stream:
    """One stream."""

    def __init__(self, service: Service, websocket: WebSocket) -> None:
        self._service, self._websocket = service, websocket
        self._record = websocket.state.record
        predictor = service.predictor
        window_s = min(DEFAULT_WINDOW_S, predictor.longest_window_s)
        self._speech = LiveSpeech(predictor.sample_rate_hz, window_s)

    async def run(self) -> None:
        """Answers until the sound ends, the client is gone, or something is wrong."""
        try:
            await self._answer()
            await self._websocket.close()
        except _GoneError:
            return
        except Refusal as refusal:
            await self._end(refusal.detail, _RESTART if refusal.status_code == 503 else _POLICY)
        except (VoxJaxError, ValidationError, ValueError) as error:
            await self._end(_line(error), _POLICY)

    async def _answer(self) -> None:
        start = StreamStart.model_validate(_json(await self._message(self._service.limits.head_s)))
        samples = _Samples(start, self._service.predictor.sample_rate_hz)
        about = {"model": self._service.model, "labels": list(self._service.predictor.labels)}
        await self._send({"type": "start", **about, "latency_s": round(LATENCY_S, 3)})
        while True:
            message = await self._message(self._service.limits.idle_s)
            ends = message is _STOPPING or not isinstance(message, bytes)
            if ends and message is not _STOPPING and _json(message) != {"type": "end"}:
                raise VoxJaxError(
                    mismatch("message", 'samples, or {"type": "end"}', "another text", "send one of them")
                )
            data = message if isinstance(message, bytes) else b""
            for segment in await self._segments(samples, data, ends):
                await self._send({"type": "segment", **_values(segment)})
            self._record.audio_s = samples.duration_s
            if samples.duration_s > self._service.limits.max_stream_s:
                expected = f"at most {self._service.limits.max_stream_s:g} s of sound"
                raise VoxJaxError(mismatch("stream", expected, "more", "open another"))
            if message is _STOPPING:
                raise refusals.stopping()
            if ends:
                await self._send({"type": "end", "duration_s": round(samples.duration_s, 4)})
                return

    async def _segments(self, samples: _Samples, data: bytes, last: bool) -> list[Segment]:
        """The segments that close with these bytes."""

        def found() -> list[Window]:
            return self._speech.add(samples.of(data, last), last)

        return await self._answered(await asyncio.to_thread(found))

    async def _answered(self, windows: Sequence[Window]) -> list[Segment]:
        """One segment for each window with sound."""
        predictor = self._service.predictor
        centred = [one.samples - one.samples.mean() for one in windows]
        sound_lengths = [sound_s(one, predictor.sample_rate_hz) for one in centred]
        kept = [i for i in range(len(windows)) if sound_lengths[i] >= SHORTEST_SOUND_S]
        futures = [asyncio.wrap_future(self._service.windows.submit(centred[i])) for i in kept]
        votes = await asyncio.wait_for(asyncio.gather(*futures), self._service.limits.answer_s)
        segments: list[Segment] = []
        for i, vote in zip(kept, votes, strict=True):
            if not np.isfinite(vote.log_probabilities).all():
                raise VoxJaxError(mismatch("stream", "an answer", "numbers that are not finite", "check the sound"))
            answer = timeline_segments.Answer(windows[i]._replace(samples=_NO_SOUND), vote, sound_lengths[i])
            segments += timeline_segments.smoothed(predictor, [answer], "", SMOOTHING["none"])
        return segments

    async def _message(self, within_s: float) -> "bytes | str | object":
        """The next message; `_STOPPING` where the service stops first.

        Raises:
            Refusal: where none comes in time.
            _GoneError: where the client is.
        """
        receiving = asyncio.ensure_future(self._websocket.receive())
        loop = asyncio.get_running_loop()
        end_s = loop.time() + within_s
        try:
            while not receiving.done():
                if self._service.is_stopping:
                    return _STOPPING
                if loop.time() >= end_s:
                    raise Refusal(408, mismatch("stream", f"a message within {within_s:g} s", "none", "open another"))
                await asyncio.wait({receiving}, timeout=min(_CHECK_S, max(0.0, end_s - loop.time())))
        finally:
            if not receiving.done():
                receiving.cancel()
        message = receiving.result()
        if message["type"] == "websocket.disconnect":
            raise _GoneError
        data = message.get("bytes")
        return message["text"] if data is None else data

    async def _send(self, value: Mapping[str, Any]) -> None:
        """Sends JSON to a client that reads."""
        text = json.dumps(plain(value), ensure_ascii=False, allow_nan=False)
        try:
            await asyncio.wait_for(self._websocket.send_text(text), self._service.limits.idle_s)
        except (TimeoutError, RuntimeError, OSError) as error:
            raise _GoneError from error

    async def _end(self, error: str, code: int) -> None:
        """Says why the stream ends, to a client that may be gone."""
        try:
            await self._send({"type": "error", "error": error})
            await self._websocket.close(code)
        except (_GoneError, RuntimeError, OSError):
            return


_STOPPING = object()


def _json(message: "bytes | str | object") -> Any:
    if not isinstance(message, str):
        raise (
            refusals.stopping()
            if message is _STOPPING
            else VoxJaxError(mismatch("first message", "JSON with rate and format", "binary", "send the JSON first"))
        )
    try:
        return json.loads(message)
    except (ValueError, RecursionError) as error:
        raise VoxJaxError(mismatch("message", "JSON", "another text", "send JSON or binary samples")) from error


def _line(error: Exception) -> str:
    """One line of an error, without what was sent."""
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        place = " ".join(str(one) for one in first["loc"] if str(one).isidentifier())[:80]
        return f"{place or 'message'}: {first['msg']}"
    return str(error) if isinstance(error, VoxJaxError) else "message: a value that can't be used"


def _values(segment: Segment) -> dict[str, Any]:
    return {
        "start_s": round(segment.start_s, 3),
        "end_s": round(segment.end_s, 3),
        "emotion": segment.emotion,
        "confidence": segment.confidence,
        "probabilities": dict(segment.probabilities),
        "distance": segment.distance,
        "warnings": list(segment.warnings),
    }
