"""Segments of a recording: what is asked for, what is answered, and the timeline that they make."""

import dataclasses
from collections.abc import Mapping, Sequence

from voxjax.annotation.spans import Span

__all__ = ["Segment", "Span", "Timeline"]


@dataclasses.dataclass(frozen=True)
class Segment:
    """A stretch of a recording with one emotion.

    Attributes:
        start_s, end_s: seconds from the start of the recording, `0 <= start_s < end_s`.
        speaker: who speaks, "" where that is unknown.
        emotion: the label after smoothing; None where the answer is withheld below a confidence, or there is an error.
        confidence: calibrated probability of this label (of the withheld one), in [0, 1]; 0 where there is an error.
        probabilities: by label, summing to 1, averaged over the segment; empty where there is an error.
        distance: from the training clips, above 1 unlike them; None where the model does not know.
        warnings: sentences about this segment.
        columns: the user's own columns, by name.
        error: why a given span has no answer; "" where it has one.
    """

    start_s: float
    end_s: float
    speaker: str
    emotion: str | None
    confidence: float
    probabilities: Mapping[str, float]
    distance: float | None = None
    warnings: Sequence[str] = ()
    columns: Mapping[str, str] = dataclasses.field(default_factory=dict)
    error: str = ""


@dataclasses.dataclass(frozen=True)
class Timeline:
    """The emotions of one recording over time.

    Attributes:
        path: of the recording, as the user named it.
        duration_s: of the whole recording.
        model: the model folder.
        labels: all labels of the model, in its order.
        segments: by start. Those of one speaker don't overlap; stretches without speech are in none.
        warnings: sentences about the recording as a whole.
        error: why the recording could not be read; "" where it could. Then there are no segments.
    """

    path: str
    duration_s: float
    model: str
    labels: Sequence[str]
    segments: Sequence[Segment]
    warnings: Sequence[str] = ()
    error: str = ""
