"""Timelines as Praat TextGrids, in the long text format in UTF-8: a tier of emotions and one of confidences a speaker.

The tiers cover the whole recording; where there is no speech their intervals are empty.
"""

from collections.abc import Sequence
from typing import Any

from voxjax.inference.segments import Timeline
from voxjax.inference.timeline_formats import tiers
from voxjax.inference.timeline_formats.base import TimelineFormat, package

_MODULE = "praatio.utilities.textgrid_io"
_SHORTEST_S = 0.001  # a TextGrid lasts; that of a recording that could not be read too


def write(timelines: Sequence[Timeline]) -> bytes:
    """One TextGrid.

    Raises:
        UsageError: without praatio.
    """
    textgrid_io = package(_MODULE)
    (timeline,) = timelines
    found = tiers.tiers(timeline)
    last_ms = max((end for tier in found for _, end in tier.times_ms), default=0)
    end_s = max(float(timeline.duration_s), _SHORTEST_S)
    if last_ms > round(end_s * tiers.MS):  # a given segment may reach beyond the sound
        end_s = last_ms / tiers.MS
    rows = [_tier(tier, end_s, "emotion", tiers.label) for tier in found]
    rows += [_tier(tier, end_s, "confidence", tiers.confidence) for tier in found]
    text = textgrid_io.getTextgridAsStr({"xmin": 0, "xmax": end_s, "tiers": rows}, "long_textgrid", True)
    return str(text).encode()


def _tier(tier: tiers.Tier, end_s: float, kind: str, value: Any) -> dict[str, Any]:
    """A tier as praatio has it, without the empty intervals, which it adds."""
    times = [(min(start / tiers.MS, end_s), min(end / tiers.MS, end_s)) for start, end in tier.times_ms]
    entries = [(*pair, value(segment)) for pair, segment in zip(times, tier.segments, strict=True)]
    return {"class": "IntervalTier", "name": tier.titled(kind), "xmin": 0, "xmax": end_s, "entries": entries}


FORMAT = TimelineFormat(".TextGrid", False, write, _MODULE)
