"""Stretches of a recording that a user gives."""

import dataclasses
from collections.abc import Mapping


@dataclasses.dataclass(frozen=True)
class Span:
    """A stretch of a recording that is to be answered on its own.

    Attributes:
        start_s, end_s: seconds from the start of the recording, `0 <= start_s < end_s`; an infinite end is the end of
            the recording.
        speaker: who speaks, "" where that is unknown.
        columns: the user's own columns for this stretch, by name, carried into the answer.
    """

    start_s: float
    end_s: float
    speaker: str = ""
    columns: Mapping[str, str] = dataclasses.field(default_factory=dict)
