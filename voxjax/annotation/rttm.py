"""RTTM, which all diarisers write: a line `SPEAKER file channel start duration <NA> <NA> name …` a segment."""

import re

from voxjax.annotation import base
from voxjax.errors import VoxJaxError, mismatch

_FEWEST_FIELDS = 8  # up to the speaker; the confidence and the look-ahead time after it are often left out
_MOST_FIELDS = 10
_NUMBER = re.compile(r"[\d.]+")
_TYPES = (
    *("SEGMENT", "NOSCORE", "NO_RT_METADATA", "LEXEME", "NON-LEX", "NON-SPEECH", "FILLER", "EDIT", "IP", "SU", "CB"),
    *("A/P", "SPEAKER", "SPKR-INFO"),
)
_FIRST_LINE = re.compile(rf"(?:\s*;[^\n]*\n|\s*\n)*\s*(?:{'|'.join(_TYPES)})\s+\S+\s+\S+\s+\S+\s+\S+")


def recognises(text: str) -> bool:
    """Whether the first line that is no comment is of one of the types of RTTM."""
    return _FIRST_LINE.match(text) is not None


def read(content: base.SegmentText) -> base.Recordings:
    """The spans of all SPEAKER lines, their speaker from the eighth field. Lines of other types are left out.

    Raises:
        VoxJaxError: at a line with too few or too many fields, at a time that is none, at a negative start, at a
            duration that is not above 0, with the line; at a file without SPEAKER lines.
    """
    found: base.Recordings = {}
    for number, line in enumerate(content.text.split("\n"), 1):
        fields = line.split()
        if not fields or fields[0].startswith(";"):
            continue
        where = f"{content.name}, line {number}"
        if fields[0] not in _TYPES:
            do = "write RTTM lines only"
            raise VoxJaxError(mismatch(where, "a line of RTTM, as SPEAKER …", base.quoted(line), do))
        if fields[0] != "SPEAKER":
            continue
        do = "write SPEAKER file 1 start duration <NA> <NA> name <NA> <NA>, with no blanks in a name"
        if not _FEWEST_FIELDS <= len(fields) <= _MOST_FIELDS:
            raise VoxJaxError(mismatch(where, f"{_FEWEST_FIELDS} to {_MOST_FIELDS} fields", len(fields), do))
        if _NUMBER.fullmatch(fields[5]):  # a blank in the name of the recording moves all fields
            raise VoxJaxError(mismatch(where, "<NA> after the duration", base.quoted(fields[5]), do))
        start_s, duration_s = (base.seconds(where, value) for value in fields[3:5])
        if duration_s <= 0:
            raise VoxJaxError(mismatch(where, "a duration above 0 s", f"{duration_s:g} s", "correct or remove it"))
        speaker = "" if fields[7] == "<NA>" else fields[7]
        found.setdefault(fields[1], []).append(base.span(where, start_s, start_s + duration_s, speaker))
    if not found:
        raise VoxJaxError(mismatch(content.name, "lines of the type SPEAKER", "none", "check the diariser's output"))
    return found


FORMAT = base.SegmentFile((".rttm",), recognises, read)
