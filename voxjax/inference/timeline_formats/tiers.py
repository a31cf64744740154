"""What the formats for annotation programs share: tiers of segments, labels, and texts that any program can read."""

import unicodedata
from collections.abc import Sequence
from pathlib import PurePath
from typing import NamedTuple

from voxjax.inference.formats.base import UNCERTAIN
from voxjax.inference.segments import Segment, Timeline
from voxjax.storage.safe_text import readable

NO_ANSWER = "no answer"  # in place of an emotion, for a given segment with an error
MS = 1_000  # in a second
_KEPT_CONTROLS = "\t\n"


class Tier(NamedTuple):
    """Segments that don't overlap.

    Attributes:
        name: without its kind, unique in the recording: "" or a speaker, with a number where there are several.
        speaker: "" where that is unknown.
        segments: by start.
        times_ms: their starts and ends in whole milliseconds, each end after its start.
    """

    name: str
    speaker: str
    segments: list[Segment]
    times_ms: list[tuple[int, int]]

    def titled(self, kind: str) -> str:
        """The name of the tier for one kind of values, as "emotion Anna"."""
        return f"{kind} {self.name}".strip()


def tiers(timeline: Timeline) -> list[Tier]:
    """The tiers of a recording: one per speaker by first appearance, more where one speaker's segments overlap.

    There is at least one, which is empty for a recording without segments.
    """
    found: list[Tier] = []
    for segment in sorted(timeline.segments, key=lambda one: one.start_s):
        start, end = times_ms(segment)
        lanes = [tier for tier in found if tier.speaker == segment.speaker]
        free = next((tier for tier in lanes if tier.times_ms[-1][1] <= start), None)
        if free is None:
            name = _unique(one_line(segment.speaker), len(lanes) + 1, {tier.name for tier in found})
            found.append(free := Tier(name, segment.speaker, [], []))
        free.segments.append(segment)
        free.times_ms.append((start, end))
    return found or [Tier("", "", [], [])]


def _unique(speaker: str, number: int, taken: set[str]) -> str:
    """The name of a speaker's tier of this number, or of the next number that no tier has."""
    name = speaker if number == 1 else f"{speaker} {number}".strip()
    return name if name not in taken else _unique(speaker, number + 1, taken)


def times_ms(segment: Segment) -> tuple[int, int]:
    """Start and end in whole milliseconds; the end is after the start."""
    start = round(MS * segment.start_s)
    return start, max(round(MS * segment.end_s), start + 1)


def label(segment: Segment) -> str:
    """The emotion, "uncertain" for an answer that is withheld, or "no answer" for a segment with an error."""
    if segment.error:
        return NO_ANSWER
    return UNCERTAIN if segment.emotion is None else clean(segment.emotion)


def confidence(segment: Segment) -> str:
    """The confidence with three decimals; "" where there is an error."""
    return "" if segment.error else f"{segment.confidence:.3f}"


def clean(text: str) -> str:
    r"""A text without characters that XML or Praat can't hold: other controls than tabs and line ends become `\x00`."""
    text = readable(text).replace("\r\n", "\n").replace("\r", "\n")
    return "".join(_escaped(character) if _is_forbidden(character) else character for character in text)


def one_line(text: str) -> str:
    """A clean text whose tabs and line ends are blanks."""
    return " ".join(clean(text).split())


def recording_name(timeline: Timeline) -> str:
    """The file name of the recording, without its folders."""
    return one_line(PurePath(timeline.path).name or timeline.path)


def notes(timeline: Timeline) -> Sequence[str]:
    """Warnings and errors of the recording and its segments, each with its place."""
    own = [timeline.error] if timeline.error else []
    about = [
        f"{segment.start_s:.3f} s: {text}"
        for segment in timeline.segments
        for text in (*segment.warnings, *([segment.error] if segment.error else []))
    ]
    return [one_line(text) for text in (*own, *timeline.warnings, *about)]


def _is_forbidden(character: str) -> bool:
    unprintable = unicodedata.category(character) in ("Cc", "Cs") and character not in _KEPT_CONTROLS
    return unprintable or ord(character) & 0xFFFE == 0xFFFE


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode()
