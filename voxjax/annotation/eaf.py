"""ELAN's EAF: the annotations of one tier, with times from their slots, or from the annotation that they refer to.

Read as a stream by expat. A file that declares entities, which could grow without end, is refused.
"""

import dataclasses
from typing import Any
from xml.parsers import expat

from voxjax.annotation import base
from voxjax.errors import VoxJaxError, mismatch

_TIMES = ("TIME_SLOT_REF1", "TIME_SLOT_REF2")
_MS = 1_000.0


def recognises(text: str) -> bool:
    """Whether it is XML with ELAN's root."""
    return "<ANNOTATION_DOCUMENT" in text


@dataclasses.dataclass
class _Annotation:
    line: int
    slots: tuple[str, str] = ("", "")
    parent: str = ""  # of a dependent annotation
    label: str = ""


class _Document:
    """Slots, annotations and tiers of a file, filled by expat's handlers."""

    def __init__(self, name: str) -> None:
        self.slots: dict[str, str | None] = {}  # in the order of time; None where ELAN does not know the time
        self.tiers: list[tuple[str, list[str]]] = []
        self.annotations: dict[str, _Annotation] = {}
        self.name = name
        self._open: _Annotation | None = None  # whose value is read
        self._text: list[str] | None = None
        self._parser = expat.ParserCreate()
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._characters
        self._parser.EntityDeclHandler = self._entity

    def parse(self, data: bytes) -> None:
        """Reads the whole file.

        Raises:
            VoxJaxError: at XML that is broken or no EAF.
        """
        try:
            self._parser.Parse(data, True)
        except (expat.ExpatError, KeyError, ValueError, LookupError) as error:
            reason = f"no attribute {error}" if isinstance(error, KeyError) else str(error).partition(": line")[0]
            raise VoxJaxError(mismatch(self.where(), "an EAF file", reason, "open and save it in ELAN")) from error

    def where(self, line: int = 0) -> str:
        return f"{self.name}, line {line or self._parser.CurrentLineNumber}"

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        if tag == "TIME_SLOT":
            self.slots[attributes["TIME_SLOT_ID"]] = attributes.get("TIME_VALUE")
        elif tag == "TIER":
            self.tiers.append((attributes["TIER_ID"], []))
        elif tag in ("ALIGNABLE_ANNOTATION", "REF_ANNOTATION") and self.tiers:
            self._open = _Annotation(self._parser.CurrentLineNumber)
            if tag == "REF_ANNOTATION":
                self._open.parent = attributes["ANNOTATION_REF"]
            else:
                self._open.slots = (attributes[_TIMES[0]], attributes[_TIMES[1]])
            if attributes["ANNOTATION_ID"] in self.annotations:
                raise ValueError(f"the annotation {base.quoted(attributes['ANNOTATION_ID'])} twice")
            self.annotations[attributes["ANNOTATION_ID"]] = self._open
            self.tiers[-1][1].append(attributes["ANNOTATION_ID"])
        elif tag == "ANNOTATION_VALUE" and self._open:
            self._text = []

    def _characters(self, text: str) -> None:
        if self._text is not None:
            self._text.append(text)

    def _end(self, tag: str) -> None:
        if tag == "ANNOTATION_VALUE" and self._open and self._text is not None:
            self._open.label, self._text = "".join(self._text).strip(), None
        elif tag == "ANNOTATION":
            self._open = None

    def _entity(self, *_: Any) -> None:
        do = "open and save it in ELAN, which declares none"
        raise VoxJaxError(mismatch(self.where(), "an EAF file", "a declaration of XML entities", do))


def read(content: base.SegmentText) -> base.Recordings:
    """The annotations of the named tier, or of the only tier. Those without a label are left out.

    An annotation of a dependent tier has the times of the one that it refers to. Several that share one (a symbolic
    subdivision), and times that ELAN leaves open between two others, divide the time evenly.

    Raises:
        VoxJaxError: at broken XML, at references to what is not there, at times that are none, at an end that is not
            after the start, at a tier that is not there; with the line, or with all tiers.
    """
    document = _Document(content.name)
    document.parse(content.data)
    chosen = document.tiers[base.chosen_tier(content.name, content.tier, [name for name, _ in document.tiers])][1]
    times = _Times(document)
    found = []
    for key in chosen:
        annotation = document.annotations[key]
        if annotation.label:
            found.append(base.labelled(document.where(annotation.line), *times.of(key), annotation.label))
    if not found:
        raise VoxJaxError(mismatch(content.name, "annotations with labels", "none in the tier", "name another --tier"))
    return {"": found}


class _Times:
    """Times of annotations in seconds."""

    def __init__(self, document: _Document) -> None:
        self._document = document
        self._slots = _slot_times(document)
        self._siblings: dict[tuple[int, str], list[str]] = {}  # of one tier and parent, in their order
        self._tier = {key: index for index, (_, keys) in enumerate(document.tiers) for key in keys}
        for key, index in self._tier.items():
            if parent := document.annotations[key].parent:
                self._siblings.setdefault((index, parent), []).append(key)

    def of(self, key: str) -> tuple[float, float]:
        """Start and end of an annotation."""
        parts: list[tuple[int, int]] = []  # place among the siblings and their number, from the annotation upwards
        annotation, passed = self._document.annotations[key], {key}
        while annotation.parent:
            siblings = self._siblings[self._tier[key], annotation.parent]
            parts.append((siblings.index(key), len(siblings)))
            key, line = annotation.parent, annotation.line
            if key in passed or key not in self._document.annotations:
                found = "a circle of them" if key in passed else "none"
                self._fail(line, f"the annotation {base.quoted(key)} that it refers to", found)
            passed.add(key)
            annotation = self._document.annotations[key]
        start, end = (self._slot(annotation, slot) for slot in annotation.slots)
        for place, number in reversed(parts):
            step = (end - start) / number
            start, end = start + place * step, start + (place + 1) * step
        return start, end

    def _slot(self, annotation: _Annotation, slot: str) -> float:
        if slot not in self._slots:
            self._fail(annotation.line, f"the time slot {base.quoted(slot)}", "none with a time")
        return self._slots[slot]

    def _fail(self, line: int, expected: str, found: str) -> None:
        raise VoxJaxError(mismatch(self._document.where(line), expected, found, "open and save it in ELAN"))


def _slot_times(document: _Document) -> dict[str, float]:
    """Seconds of each slot. Those without a time, between two with one, are spread evenly."""
    found: dict[str, float] = {}
    waiting: list[str] = []
    before: float | None = None
    for slot, value in document.slots.items():
        if value is None:
            waiting.append(slot)
            continue
        time = base.seconds(f"{document.name}, time slot {base.quoted(slot)}", value) / _MS
        if before is not None:
            for i, name in enumerate(waiting, 1):
                found[name] = before + (time - before) * i / (len(waiting) + 1)
        waiting, found[slot], before = [], time, time
    return found


FORMAT = base.SegmentFile((".eaf",), recognises, read)
