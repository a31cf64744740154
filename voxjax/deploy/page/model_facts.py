"""What a visitor should know of a model before believing it: data, figures, licence and limits, from its folder."""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from voxjax.evaluation import in_words

_LIMIT = "A label is how a voice sounds to listeners, not what a person feels."
_LINK = re.compile(r"\[([^\[\]]*)\]\([^()]*\)")
_METRIC = re.compile(r'name: "([^"]+)"\s+value: (\d+(?:\.\d+)?)')
_TESTED = re.compile(r'dataset:\s+name: "([^"]+), protocol ([\w:]+)"')
_INTERVAL = re.compile(r"(.+) \(([\d.]+) to ([\d.]+)\)")


class Figure(NamedTuple):
    """A figure in percent, as "76.5 %", and its 95 % interval, "" where it has none."""

    name: str
    value: str
    interval: str


class ModelFacts(NamedTuple):
    """What is known of a model; texts are Markdown, "" and empty lists where a model folder says nothing.

    Attributes:
        name: in the catalogue.
        data: what it was trained on.
        summary: what its figures mean, in one sentence.
        figures: with their intervals.
        licence: of the model.
        limits: sentences.
        use: what it is meant for.
    """

    name: str
    data: str
    summary: str
    figures: Sequence[Figure]
    licence: str
    limits: Sequence[str]
    use: str


def of(name: str, labels: Sequence[str], meta: Mapping[str, Any], card: str) -> ModelFacts:
    """The facts in a model folder.

    Args:
        name: of the model in the catalogue.
        labels: of the model.
        meta: of its `model.json`.
        card: its README.md, "" where it has none.
    """
    protocol, figures = _figures(meta, card)
    limits = [one.removeprefix("- ") for one in _section(card, "Limits").split("\n") if one]
    corpus = str(meta["corpus"]) if "corpus" in meta else ""
    return ModelFacts(
        name,
        _section(card, "Data").replace("\n", " ") or (f"Corpus {corpus}." if corpus else ""),
        _summary(figures, protocol, len(labels)),
        figures,
        _section(card, "Licence").replace("\n", " ") or (str(meta["licence"]) if "licence" in meta else ""),
        limits if _LIMIT in limits else [*limits, _LIMIT],
        _section(card, "Intended use").replace("\n", " "),
    )


def _figures(meta: Mapping[str, Any], card: str) -> tuple[str, list[Figure]]:
    """The protocol and the figures: those published in the card, else those of the run that trained it."""
    header = card.split("\n---", 1)[0]
    if tested := _TESTED.search(header):
        return tested[2], [_published(*one) for one in _METRIC.findall(header[tested.end() :])]
    if "figures" not in meta or "protocol" not in meta:
        return "", []
    own, found = meta["figures"], []
    for key, title in (("uar", "UAR"), ("accuracy", "accuracy"), ("macro_f1", "macro-F1")):
        interval = "{:.1f} to {:.1f} %".format(*(100 * end for end in own[f"{key}_ci"])) if f"{key}_ci" in own else ""
        found += [Figure(title, f"{100 * own[key]:.1f} %", interval)] if key in own else []
    return str(meta["protocol"]), found


def _published(name: str, value: str) -> Figure:
    if found := _INTERVAL.fullmatch(name):
        return Figure(found[1], f"{value} %", f"{found[2]} to {found[3]} %")
    return Figure(name, f"{value} %", "")


def _summary(figures: Sequence[Figure], protocol: str, classes: int) -> str:
    """As "The model names about 77 of 100 clips rightly, in a test on people …; guessing gives 13"."""
    value = next((float(one.value.removesuffix(" %")) for one in figures if one.name == "accuracy"), None)
    tested_on = in_words.PROTOCOLS[protocol].tested_on if protocol in in_words.PROTOCOLS else ""
    if value is None or not tested_on:
        return ""
    guess = math.floor(100 / classes + 0.5)
    return f"The model names about {value:.0f} of 100 clips rightly in a test on {tested_on}; guessing gives {guess}."


def _section(card: str, title: str) -> str:
    """A section of a card without links, a line for each paragraph or item of a list."""
    found = re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", card, re.MULTILINE | re.DOTALL)
    if not found:
        return ""
    text = _LINK.sub(r"\1", found[1].strip())
    text = re.sub(r"\n(?!- |\n)", " ", text)  # a line that goes on
    return re.sub(r"\n+", "\n", text)
