"""Definitions common to all files of segments: their content, their checks and their errors."""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from voxjax.annotation.spans import Span
from voxjax.errors import VoxJaxError, mismatch

Recordings = dict[str, list[Span]]  # spans by the name of the recording, "" where the file names none

_LONGEST_VALUE = 40  # characters that a message quotes
_SECONDS = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")


class SegmentText(NamedTuple):
    """The content of a file of segments.

    Attributes:
        name: of the file, for messages.
        data: its bytes.
        text: the same decoded, without a byte-order mark, with Unix line ends.
        tier: that the user has named, "" for none.
    """

    name: str
    data: bytes
    text: str
    tier: str


class SegmentFile(NamedTuple):
    """A format of files of segments.

    Attributes:
        suffixes: of its files, in lower case. They decide where no format recognises the content.
        recognises: whether a text is of this format, from its first characters.
        read: the spans of each recording.
    """

    suffixes: Sequence[str]
    recognises: Callable[[str], bool]
    read: Callable[[SegmentText], Recordings]


def seconds(where: str, value: str) -> float:
    """A time in seconds, such as "1.5"; it may be negative.

    Raises:
        VoxJaxError: at anything else, also at what is not finite.
    """
    if _SECONDS.fullmatch(value) and math.isfinite(number := float(value)):
        return number
    do = "write seconds as 1.5" if "," not in value else "write the decimal point as a point, as in 1.5"
    raise VoxJaxError(mismatch(where, "a time in seconds", quoted(value), do))


def span(where: str, start_s: float, end_s: float, speaker: str = "", columns: Mapping[str, str] | None = None) -> Span:
    """A span, checked.

    Args:
        where: file and line, for the message.
        start_s, end_s: seconds from the start of the recording; an infinite end is the end of the recording.
        speaker: "" where it is unknown.
        columns: the user's own.

    Raises:
        VoxJaxError: at a negative start, and at an end that is not after the start.
    """
    if start_s < 0:
        raise VoxJaxError(mismatch(where, "a start of 0 s or later", f"{start_s:g} s", "correct it"))
    if not end_s > start_s:
        found = f"{start_s:g} to {end_s:g} s"
        raise VoxJaxError(mismatch(where, "an end after the start", found, "correct it or remove the segment"))
    return Span(start_s, end_s, speaker, dict(columns or {}))


def quoted(value: str) -> str:
    """A value of the file as part of a message in one line."""
    text = " ".join(value.split())
    return f"'{text[: _LONGEST_VALUE - 1]}…'" if len(text) > _LONGEST_VALUE else f"'{text}'"


def chosen_tier(name: str, tier: str, tiers: Sequence[str]) -> int:
    """The index of the tier to read: the one that the user has named, else the only one.

    Args:
        name: of the file, for messages.
        tier: as the user wrote it, "" for none.
        tiers: names of all tiers with intervals of time, in the order of the file.

    Raises:
        VoxJaxError: without such a tier, or where several fit; the message lists the tiers.
    """
    wanted = [index for index, other in enumerate(tiers) if not tier or other == tier]
    listed = ", ".join(quoted(other) for other in tiers) or "none"
    if not tiers:
        raise VoxJaxError(mismatch(name, "a tier with intervals", "none", "draw intervals on an interval tier"))
    if not wanted:
        raise VoxJaxError(mismatch(name, f"the tier {quoted(tier)}", listed, "name one of these with --tier"))
    if len(wanted) > 1:
        expected, do = "one tier, or the name of one", "name one with --tier"
        if tier:
            expected, do = f"one tier {quoted(tier)}", "give the tiers different names"
        raise VoxJaxError(mismatch(name, expected, listed, do))
    return wanted[0]


def labelled(where: str, start_s: float, end_s: float, label: str) -> Span:
    """A span of a tier, its label in the column "label"."""
    return span(where, start_s, end_s, columns={"label": label})
