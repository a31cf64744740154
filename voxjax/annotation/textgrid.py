"""Praat TextGrids as text, long or short: the intervals of one tier.

Praat reads such a file as a sequence of strings in double quotes, numbers that stand free, and flags as `<exists>`;
all else in it is comment, and so are lines after a free `!`. See "TextGrid file formats" in Praat's manual.
"""

import re
from typing import NamedTuple, NoReturn

from voxjax.annotation import base
from voxjax.errors import VoxJaxError, mismatch

_TOKEN = re.compile(
    r"""(?P<string>"[^"]*(?:""[^"]*)*")|(?P<flag>(?<!\S)<\w+>)|(?<!\S)![^\n]*"""
    r"""|(?P<number>(?<!\S)[-+]?(?:\d[\d.]*(?:[eE][-+]?\d+)?|nan|inf|--undefined--)(?!\S))"""
)
_MOST_CHARACTERS_BEFORE = 100
_INTERVALS, _POINTS = "IntervalTier", "TextTier"


class _Interval(NamedTuple):
    line: int
    start: str
    end: str
    label: str


def recognises(text: str) -> bool:
    """Whether it begins as Praat's text files do."""
    head = text[:_MOST_CHARACTERS_BEFORE]
    return "ooTextFile" in head or "Praat chronological TextGrid" in head


def read(content: base.SegmentText) -> base.Recordings:
    """The intervals of the named tier, or of the only interval tier. Those without a label are left out.

    Raises:
        VoxJaxError: at a file that is no TextGrid or was cut off, at times that are none, at an end that is not after
            the start, at a tier that is not there or has points; with the line, or with all tiers.
    """
    if "Praat chronological TextGrid" in content.text[:_MOST_CHARACTERS_BEFORE]:
        do = "open it in Praat and save it with Save as text file"
        raise VoxJaxError(mismatch(content.name, "a TextGrid as text", "a chronological TextGrid", do))
    tiers = _Tokens(content).tiers()
    intervals = tiers[base.chosen_tier(content.name, content.tier, [name for name, _ in tiers])][1]
    found = []
    for line, start, end, label in intervals:
        if label.strip():
            where = f"{content.name}, line {line}"
            times = (base.seconds(where, start), base.seconds(where, end))
            found.append(base.labelled(where, *times, label.strip()))
    if not found:
        raise VoxJaxError(mismatch(content.name, "intervals with labels", "none in the tier", "name another --tier"))
    return {"": found}


class _Tokens:
    """The strings, numbers and flags of a TextGrid, one after another."""

    def __init__(self, content: base.SegmentText) -> None:
        self._content = content
        self._tokens = (token for token in _TOKEN.finditer(content.text) if token.lastgroup)
        self._line, self._place = 1, 0

    def tiers(self) -> list[tuple[str, list[_Interval]]]:
        """Name and intervals of each interval tier; tiers of points are read over."""
        text = self._content.text
        first = self.string() if text.lstrip().startswith(('"', "File type")) else ""
        if not first.startswith("ooTextFile") or not self.string().startswith("TextGrid"):
            self._fail("a Praat TextGrid", "another file of Praat, or none")
        self.time(), self.time()
        found: list[tuple[str, list[_Interval]]] = []
        for _ in range(self.count() if self._next("flag", "a flag as <exists>") == "<exists>" else 0):
            kind, name = self.string(), self.string()
            self.time(), self.time()
            if kind == _INTERVALS:
                found.append((name, [self._interval() for _ in range(self.count())]))
            elif kind == _POINTS:
                for _ in range(self.count()):
                    self.time(), self.string()
            else:
                self._fail(f"{_INTERVALS} or {_POINTS}", base.quoted(kind))
        return found

    def string(self) -> str:
        """A text without its quotes."""
        return self._next("string", "a text in double quotes")[1:-1].replace('""', '"')

    def time(self) -> str:
        """A number as it is written."""
        return self._next("number", "a number")

    def count(self) -> int:
        """A number of things that follow."""
        value = self.time()
        if not value.isdecimal():
            self._fail("a whole number", base.quoted(value))
        return int(value)

    def _interval(self) -> _Interval:
        start, end = self.time(), self.time()
        line = self._line
        return _Interval(line, start, end, self.string())

    def _next(self, kind: str, expected: str) -> str:
        token = next(self._tokens, None)
        if token is None:
            self._fail(expected, "the end of the file: it was cut off, or a quote is missing")
        self._line += self._content.text.count("\n", self._place, token.start())
        self._place = token.start()
        if token.lastgroup != kind:
            self._fail(expected, base.quoted(token[0]))
        return token[0]

    def _fail(self, expected: str, found: str) -> NoReturn:
        do = "open it in Praat and save it with Save as text file"
        raise VoxJaxError(mismatch(f"{self._content.name}, line {self._line}", expected, found, do))


FORMAT = base.SegmentFile((".textgrid",), recognises, read)
