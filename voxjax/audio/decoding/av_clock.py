"""The time that decoding one file may take, without that of the program that takes its blocks."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from voxjax.audio.decoding.byte_source import ByteSource, Part, SplicedFile
from voxjax.audio.limits import AudioError
from voxjax.errors import mismatch


class Clock:
    """Runs from its creation, except while it is paused.

    Args:
        seconds: that the work may take.
        name: of the file, for the message.
    """

    def __init__(self, seconds: float, name: str) -> None:
        self._seconds, self._name = seconds, name
        self._end = time.monotonic() + seconds

    def check(self) -> None:
        """Checks that time is left.

        Raises:
            AudioError: where it is not.
        """
        if time.monotonic() > self._end:
            expected = f"a file that is decoded within {self._seconds:g} s"
            raise AudioError(mismatch(self._name, expected, "a longer time", "cut it into parts, or convert it to WAV"))

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Other work, whose time does not count."""
        begin = time.monotonic()
        yield
        self._end += time.monotonic() - begin


class ClockedFile(SplicedFile):
    """Parts of a file that are read while time is left: FFmpeg reads on and on in some damaged files."""

    def __init__(self, source: ByteSource, parts: Sequence[Part], clock: Clock) -> None:
        super().__init__(source, parts)
        self._clock = clock

    def read(self, size: int = -1) -> bytes:
        """At most `size` bytes.

        Raises:
            AudioError: where no time is left.
        """
        self._clock.check()
        return super().read(size)
