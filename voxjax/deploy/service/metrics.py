"""Numbers of a running service for Prometheus. They name routes and statuses, never files or clients."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

CONTENT_TYPE = CONTENT_TYPE_LATEST
_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
_SIZES = (1, 2, 4, 8, 16, 32)


class Metrics:
    """The numbers of one service, in a registry of its own."""

    def __init__(self) -> None:
        self._registry = own = CollectorRegistry()
        by = ["route", "status"]
        self._requests = Counter("voxjax_requests", "Requests by route and status.", by, registry=own)
        self._seconds = Histogram(
            "voxjax_request_seconds",
            "Seconds from a request to its response.",
            ["route"],
            registry=own,
            buckets=_SECONDS,
        )
        self._audio = Counter("voxjax_audio_seconds", "Seconds of sound that was answered.", ["route"], registry=own)
        self._batches = Histogram(
            "voxjax_batch_size", "Recordings that were computed together.", registry=own, buckets=_SIZES
        )
        self._gauges = (
            Gauge("voxjax_queue_length", "Recordings that wait to be computed.", registry=own),
            Gauge("voxjax_requests_in_progress", "Requests that are received or answered.", registry=own),
            Gauge("voxjax_streams_in_progress", "Open streams.", registry=own),
            Gauge("voxjax_ready", "1 where the service takes requests.", registry=own),
        )

    def describe(self, **about: str) -> None:
        """States the version and the model."""
        Info("voxjax", "Version and model.", registry=self._registry).info(about)

    def watch(
        self,
        queue: Callable[[], float],
        requests: Callable[[], float],
        streams: Callable[[], float],
        ready: Callable[[], float],
    ) -> None:
        """Reads these numbers whenever the metrics are asked for."""
        for gauge, number in zip(self._gauges, (queue, requests, streams, ready), strict=True):
            gauge.set_function(number)

    def request(self, route: str, status: int, seconds: float, audio_s: float) -> None:
        """Counts a request that has ended."""
        self._requests.labels(route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)
        if audio_s:
            self._audio.labels(route).inc(audio_s)

    def batch(self, size: int) -> None:
        """Counts recordings that are computed together."""
        self._batches.observe(size)

    def text(self) -> bytes:
        """All numbers as Prometheus reads them."""
        return generate_latest(self._registry)
