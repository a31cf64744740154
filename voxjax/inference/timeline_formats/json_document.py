"""Timelines as one JSON document, or as JSON Lines."""

import json
from collections.abc import Sequence
from typing import Any

from voxjax.inference.formats.base import rounded
from voxjax.inference.segments import Segment, Timeline
from voxjax.inference.timeline_formats.base import TimelineFormat
from voxjax.storage.safe_text import json_line


def write(timelines: Sequence[Timeline]) -> bytes:
    """A list with one object for each recording, which holds its segments."""
    values = [
        json.loads(json_line({**_recording(one), "segments": list(map(_segment, one.segments))})) for one in timelines
    ]
    return (json.dumps(values, ensure_ascii=False, allow_nan=False, indent=1) + "\n").encode()


def write_lines(timelines: Sequence[Timeline]) -> bytes:
    """One object a segment; of a recording without segments one object, with its error or warnings."""
    return "".join(f"{json_line(one)}\n" for timeline in timelines for one in _flat(timeline)).encode()


def _recording(timeline: Timeline) -> dict[str, Any]:
    about = {
        "file": timeline.path,
        "duration_s": timeline.duration_s,
        "model": timeline.model,
        "labels": list(timeline.labels),
        "warnings": list(timeline.warnings),
    }
    return rounded({**about, **({"error": timeline.error} if timeline.error else {})})


def _segment(segment: Segment) -> dict[str, Any]:
    found = {
        "start_s": segment.start_s,
        "end_s": segment.end_s,
        "speaker": segment.speaker,
        "emotion": segment.emotion,
        "confidence": None if segment.error else segment.confidence,
        "probabilities": dict(segment.probabilities),
        "distance": segment.distance,
        "warnings": list(segment.warnings),
        **({"columns": dict(segment.columns)} if segment.columns else {}),
        **({"error": segment.error} if segment.error else {}),
    }
    return rounded(found)


def _flat(timeline: Timeline) -> list[dict[str, Any]]:
    if not timeline.segments:
        return [{key: value for key, value in _recording(timeline).items() if key not in ("labels", "model")}]
    return [{"file": timeline.path, **_segment(segment)} for segment in timeline.segments]


FORMAT = TimelineFormat(".json", True, write)
LINES = TimelineFormat(".jsonl", True, write_lines)
