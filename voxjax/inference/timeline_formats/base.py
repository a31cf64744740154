"""Definitions common to all formats of timelines."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from voxjax.inference.segments import Timeline


class TimelineFormat(NamedTuple):
    """A way to write timelines as a file.

    Attributes:
        suffix: of the file, as ".csv".
        several: whether one file can hold several recordings; if not, each recording gets a file of its own.
        write: the bytes of a file with these timelines; exactly one of them where `several` is false.
    """

    suffix: str
    several: bool
    write: Callable[[Sequence[Timeline]], bytes]
