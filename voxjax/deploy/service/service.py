"""The service itself: the model, what waits for it, and how many requests it has."""

import contextlib
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float32

from voxjax.config import in_range
from voxjax.deploy.service import refusals
from voxjax.deploy.service.batching import Batcher
from voxjax.deploy.service.metrics import Metrics
from voxjax.deploy.service.settings import ServiceLimits
from voxjax.deploy.service.upload import Upload
from voxjax.errors import VoxJaxError
from voxjax.inference import timeline as timelines
from voxjax.inference.answers import Result, Vote
from voxjax.inference.predictor import EmotionPredictor
from voxjax.inference.segments import Timeline
from voxjax.version import __version__

SHORTEST_HOP_S = 0.25  # of a timeline: a shorter one makes many windows of a little sound
_WARM_UP_S = (1.0, 2.0, 3.0)  # seconds of sound by which the usual shapes are compiled
_META = ("corpus", "protocol", "licence", "figures")


class TimelineWork(NamedTuple):
    """A timeline that is asked for; `given_up` is set where nobody waits for it any more."""

    upload: Upload
    options: timelines.Options
    given_up: threading.Event


class Service:
    """What all requests have in common.

    Args:
        predictor: the model; its limits should be those of `limits.audio()`.
        limits: on requests.
        token: that requests must bear; None for none.
        warm_up_s: seconds of the sounds by which programs are compiled before the service is ready.
        origins: of pages that may open streams, beside those of this service, as `https://example.org`.
    """

    def __init__(
        self,
        predictor: EmotionPredictor,
        limits: ServiceLimits,
        token: str | None = None,
        warm_up_s: Sequence[float] = _WARM_UP_S,
        origins: Sequence[str] = (),
    ) -> None:
        self._warm_up_s = warm_up_s
        self.predictor, self.limits, self.token, self.origins = predictor, limits, token, frozenset(origins)
        self.model = str(predictor.meta["name"]) if "name" in predictor.meta else Path(predictor.model).name
        self.metrics = Metrics()
        self.warm, self.is_stopping = False, False
        self.requests, self.streams = 0, 0  # those in progress
        most, wait_s = limits.max_batch, limits.batch_wait_s
        self.clips: Batcher[Upload, Result] = Batcher("clips", self._predict, most, wait_s)
        self.windows: Batcher[Float32[np.ndarray, " time"], Vote] = Batcher("windows", self._votes, most, wait_s)
        self.timelines: Batcher[TimelineWork, Timeline] = Batcher("timelines", self._timelines, 1, 0.0)
        self.metrics.describe(version=__version__, model=self.model)
        self.metrics.watch(self.waiting, lambda: self.requests, lambda: self.streams, lambda: float(self.is_ready()))

    def is_ready(self) -> bool:
        """Whether it takes requests and answers them at full speed."""
        return self.warm and not self.is_stopping

    def is_healthy(self) -> bool:
        """Whether requests can be answered at all."""
        return all(one.is_alive() for one in (self.clips, self.windows, self.timelines))

    def waiting(self) -> int:
        """Recordings and windows that wait to be computed."""
        return sum(one.waiting() for one in (self.clips, self.windows, self.timelines))

    def about(self) -> dict[str, Any]:
        """The model: name, labels, rate, licence and the figures that it was published with."""
        meta = self.predictor.meta
        return {
            "model": self.model,
            "labels": list(self.predictor.labels),
            "sample_rate_hz": self.predictor.sample_rate_hz,
            "parameters": self.predictor.parameters,
            "reject_below": self.predictor.reject_below,
            "version": __version__,
            **{name: meta[name] if name in meta else None for name in _META},
            "limits": {
                "max_bytes": self.limits.max_bytes,
                "max_duration_s": self.limits.max_duration_s,
                "max_stream_s": self.limits.max_stream_s,
            },
        }

    def warm_up(self) -> None:
        """Computes the usual shapes once, so that no request waits for the compiler."""
        rate_hz = self.predictor.sample_rate_hz
        noise = 0.1 * np.random.default_rng(0).normal(size=round(max(self._warm_up_s) * rate_hz)).astype(np.float32)
        for seconds in self._warm_up_s:
            one = (noise[: round(seconds * rate_hz)], rate_hz)
            for count in sorted({1, self.limits.max_batch}):
                if not self.is_stopping:
                    list(self.predictor.predict_many([one] * count))
        self.warm = True

    @contextlib.contextmanager
    def request(self) -> Iterator[None]:
        """A place among the requests in progress.

        Raises:
            Refusal: where there is none.
        """
        if self.requests >= self.limits.max_waiting:
            raise refusals.busy(f"{self.requests} requests are in progress")
        self.requests += 1
        try:
            yield
        finally:
            self.requests -= 1

    @contextlib.contextmanager
    def stream(self) -> Iterator[None]:
        """A place among the open streams.

        Raises:
            Refusal: where there is none.
        """
        if self.streams >= self.limits.max_streams:
            raise refusals.busy(f"{self.streams} streams are open")
        self.streams += 1
        try:
            yield
        finally:
            self.streams -= 1

    def predict(self, upload: Upload) -> "Future[Result]":
        """The answer to a recording, or `{"error": …}`; the upload is closed then."""
        return _closing(self.clips.submit(upload), upload)

    def timeline(self, work: TimelineWork) -> "Future[Timeline]":
        """The timeline of a recording; the upload is closed then."""
        return _closing(self.timelines.submit(work), work.upload)

    def close(self) -> None:
        """Ends the threads."""
        for one in (self.clips, self.windows, self.timelines):
            one.close()

    def _predict(self, uploads: Sequence[Upload]) -> list[Result]:
        self.metrics.batch(len(uploads))
        found = self.predictor.predict_many(uploads, lambda source, error: {"error": str(error)})  # type: ignore[arg-type]
        return [one if "error" in one else {**one, "model": self.model} for one in found]

    def _votes(self, windows: Sequence[Float32[np.ndarray, " time"]]) -> list[Vote]:
        return self.predictor.window_votes(windows)

    def _timelines(self, works: Sequence[TimelineWork]) -> list[Timeline]:
        return [self._timeline(one) for one in works]

    def _timeline(self, work: TimelineWork) -> Timeline:
        def report(seconds: float) -> None:
            if work.given_up.is_set():
                raise VoxJaxError("nobody waits for this timeline")

        return timelines.timeline(self.predictor, work.upload, work.options, report=report)  # type: ignore[arg-type]


def timeline_options(**given: Any) -> timelines.Options:
    """Options of a timeline.

    Raises:
        UsageError: at one that is too small or unknown.
    """
    if given["hop_s"]:
        in_range("hop", given["hop_s"], SHORTEST_HOP_S, 3_600.0)
    return timelines.Options(**given)


def _closing(future: Future, upload: Upload) -> Future:
    """The future, with the upload closed once nothing reads it any more."""
    future.add_done_callback(lambda _: upload.close())
    return future
