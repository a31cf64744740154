"""Timelines as ELAN's EAF: a tier of emotions a speaker, and below it one of confidences.

The recording is linked by its name, so it belongs into the same folder. The same timeline gives the same bytes: the
date of the file is a fixed one.
"""

from collections.abc import Sequence
from pathlib import PurePath
from typing import Any

from voxjax.inference.segments import Timeline
from voxjax.inference.timeline_formats import tiers
from voxjax.inference.timeline_formats.base import TimelineFormat, package

_MODULE = "pympi.Elan"
_MIME = {".wav": "audio/x-wav", ".mp4": "video/mp4", ".mov": "video/quicktime", ".mp3": "audio/*", ".m4a": "audio/*"}
_DATE = "1970-01-01T00:00:00+00:00"
_DEPENDENT = "confidence of an emotion"  # the linguistic type of the lower tiers
_SCHEMA = "http://www.mpi.nl/tools/elan/EAFv3.0.xsd"


def write(timelines: Sequence[Timeline]) -> bytes:
    """One EAF file, version 3.0.

    Raises:
        UsageError: without pympi-ling.
    """
    elan = package(_MODULE)
    (timeline,) = timelines
    document = elan.Eaf(author="VoxJAX")
    document.adocument |= {"DATE": _DATE, "VERSION": "3.0", "FORMAT": "3.0", "xsi:noNamespaceSchemaLocation": _SCHEMA}
    document.header = {"MEDIA_FILE": "", "TIME_UNITS": "milliseconds"}
    name = tiers.recording_name(timeline)
    mime = _MIME.get(PurePath(name).suffix.lower(), "unknown")
    media = {"MEDIA_URL": f"file:///{name}", "MIME_TYPE": mime, "RELATIVE_MEDIA_URL": f"./{name}"}
    document.media_descriptors.append(media)
    document.properties += [("VoxJAX", note) for note in tiers.notes(timeline)]
    document.add_linguistic_type(_DEPENDENT, "Symbolic_Association", timealignable=False)
    document.remove_tier("default")
    found = tiers.tiers(timeline)
    for tier in found:
        document.add_tier(tier.titled("emotion"), part=tiers.one_line(tier.speaker))
        document.add_tier(
            tier.titled("confidence"), _DEPENDENT, tier.titled("emotion"), part=tier.speaker and tier.name
        )
    _fill(document, found)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{elan.to_string(document)}\n'.encode()


def _fill(document: Any, found: Sequence[tiers.Tier]) -> None:
    """Time slots in the order of time, and annotations that refer to them."""
    pairs = [(i, j, pair) for i, tier in enumerate(found) for j, pair in enumerate(tier.times_ms)]
    ends = [(time, i, j, k) for i, j, pair in pairs for k, time in enumerate(pair)]
    slots = {(i, j, k): document.generate_ts_id(time) for time, i, j, k in sorted(ends)}
    for i, tier in enumerate(found):
        emotions, confidences = (document.tiers[tier.titled(kind)] for kind in ("emotion", "confidence"))
        for j, segment in enumerate(tier.segments):
            upper, lower = document.generate_annotation_id(), document.generate_annotation_id()
            emotions[0][upper] = (slots[i, j, 0], slots[i, j, 1], tiers.label(segment), None)
            confidences[1][lower] = (upper, tiers.confidence(segment), None, None)


FORMAT = TimelineFormat(".eaf", False, write, _MODULE)
