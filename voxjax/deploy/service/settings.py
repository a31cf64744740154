"""What a service allows: limits that hold before memory or time is taken."""

import dataclasses
import importlib.util
import ipaddress
from collections.abc import Sequence
from urllib.parse import urlsplit

from voxjax.audio.limits import AudioLimits
from voxjax.config import in_range
from voxjax.errors import UsageError, mismatch

SHORTEST_TOKEN = 16  # characters
_PACKAGES = ("fastapi", "uvicorn", "python_multipart", "prometheus_client", "websockets")


@dataclasses.dataclass(frozen=True)
class ServiceLimits:
    """Limits on requests.

    Attributes:
        max_bytes: of the body of a request; ten minutes of 16-bit sound at 16 kHz are 19 MB.
        max_duration_s: of a recording.
        max_waiting: requests that are received or answered at once; a further one gets 429.
        max_streams: streams at once; a further one gets 429.
        head_s: within which the head of a request must come, on an open connection too.
        body_s: within which its body must come.
        answer_s: within which it is answered.
        max_batch: recordings that are computed together.
        batch_wait_s: for which the first of them waits for others.
        idle_s: after which a stream is closed that sends nothing.
        max_stream_s: of the sound of one stream.
        notice_s: for which a stopping service still answers, so that whoever asks `/ready` learns of it.
        stop_s: that running requests get to finish in when it stops.
    """

    max_bytes: int = 25_000_000
    max_duration_s: float = 600.0
    max_waiting: int = 64
    max_streams: int = 8
    head_s: float = 10.0
    body_s: float = 30.0
    answer_s: float = 60.0
    max_batch: int = 16
    batch_wait_s: float = 0.004
    idle_s: float = 30.0
    max_stream_s: float = 3_600.0
    notice_s: float = 1.0
    stop_s: float = 30.0

    def __post_init__(self) -> None:
        for name in ("max_bytes", "max_waiting", "max_batch"):
            in_range(name, getattr(self, name), 1, 2**32)
        in_range("max_streams", self.max_streams, 0, 10_000)
        for name in ("max_duration_s", "head_s", "body_s", "answer_s", "idle_s", "max_stream_s"):
            in_range(name, getattr(self, name), 0.01, 86_400.0)

    @property
    def max_connections(self) -> int:
        """Open connections at once, those of clients that wait or are refused included; a further one gets 503."""
        return 4 * (self.max_waiting + self.max_streams) + 64

    def audio(self) -> AudioLimits:
        """The limits on each sound."""
        return AudioLimits(
            max_duration_s=self.max_duration_s,
            max_file_bytes=self.max_bytes,
            max_decoded_bytes=2**29,
            max_decode_s=self.answer_s,
        )


def checked_token(token: str | None, where: str) -> str | None:
    """The bearer token, without space around it; None where there is none.

    Args:
        token: as it was given.
        where: for messages.

    Raises:
        UsageError: at a short one, or characters that an HTTP header can't hold.
    """
    if token is None:
        return None
    found = token.strip()
    if len(found) < SHORTEST_TOKEN or not found.isascii() or not found.isprintable() or " " in found:
        expected = f"a token of at least {SHORTEST_TOKEN} printable ASCII characters without spaces"
        do = "make one with: openssl rand -hex 32"
        raise UsageError(mismatch(where, expected, "another text", do))
    return found


def checked_origins(given: Sequence[str]) -> list[str]:
    """Origins as browsers send them, in lower case.

    Raises:
        UsageError: at what is no origin.
    """
    for one in given:
        parts = urlsplit(one)
        if parts.scheme not in ("http", "https") or not parts.netloc or one != f"{parts.scheme}://{parts.netloc}":
            do = "give scheme and host, and the port where it is not the usual one"
            raise UsageError(mismatch("--allow_origin", "an origin as https://example.org", repr(one), do))
    return [one.lower() for one in given]


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def check_installed() -> None:
    """Checks that the packages of the service are there.

    Raises:
        UsageError: where one is missing.
    """
    missing = [name for name in _PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        found = f"no {', '.join(missing)}"
        raise UsageError(mismatch("voxjax serve", "the packages of the service", found, "pip install 'voxjax[serve]'"))
