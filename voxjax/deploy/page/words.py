"""Answers in words, and text that Markdown leaves as it is."""

import re
from collections.abc import Mapping, Sequence

from voxjax.deploy.page.answering import Answer
from voxjax.deploy.page.model_facts import ModelFacts
from voxjax.storage.safe_text import printable

_NEXT = 2  # further emotions that are named
_COMMANDS = {  # what only the command line has, and what the page says in its place
    "'voxjax timeline FILE' shows it over time": "the timeline below shows it over time",
    "; --vad=none answers for all of the recording": "",
}


def plain(text: str) -> str:
    """A text that Markdown shows as it is, on one line."""
    return re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", printable(text))


def percent(probability: float) -> str:
    """As "87 %"; small ones as "0.4 %"."""
    value = 100 * probability
    return f"{value:.0f} %" if value >= 1 or value == 0 else f"{value:.1g} %"


def headline(answer: Answer) -> str:
    """The emotion and its confidence, in Markdown."""
    result = answer.result
    emotion = result["emotion"]
    named = plain(emotion) if emotion is not None else "no emotion"
    return f"**{named}**, with a confidence of {percent(result['confidence'])}"


def meaning(answer: Answer) -> str:
    """What the confidence means, and which emotions are next."""
    result = answer.result
    count = round(100 * result["confidence"])
    ranked = sorted(result["probabilities"].items(), key=lambda item: -item[1])[1 : 1 + _NEXT]
    following = ", ".join(f"{plain(label)} {percent(p)}" for label, p in ranked)
    right = f"Of 100 answers with this confidence about {count} are right, on recordings like those of training"
    if (result["distance"] or 0.0) > 1.0:
        right += "; this one is unlike them"
    return f"{right}. Next: {following}."


def warnings(answer: Answer) -> list[str]:
    """Warnings about the recording, each once, with what the page offers in place of commands."""
    found = [*answer.result["warnings"], *answer.timeline.warnings]
    return list(dict.fromkeys(_reworded(one) for one in found if one))


def duration(seconds: float) -> str:
    """As "3.2 s" or "4:07 min"."""
    return f"{seconds:.1f} s" if seconds < 60 else f"{int(seconds) // 60}:{int(seconds) % 60:02d} min"


def overview(answers: Mapping[str, Sequence[Answer | str]]) -> dict[str, list[str]]:
    """Columns of a table with a row for each recording and model.

    Args:
        answers: by name of recording (with a number where two have one name), those of each model or an error.
    """
    rows = []
    for name, found in answers.items():
        for one in found:
            if isinstance(one, str):
                rows.append((plain(name), "–", "not answered", "–", plain(one)))
            else:
                about = " ".join(f"{plain(text)}." for text in warnings(one)) or "none"
                label = plain(one.result["emotion"] or "no emotion")
                rows.append((plain(name), plain(one.model), label, percent(one.result["confidence"]), about))
    titles = ("Recording", "Model", "Emotion", "Confidence", "Warnings")
    return {title: [row[i] for row in rows] for i, title in enumerate(titles)}


def segments(answer: Answer, most: int) -> dict[str, list[str]]:
    """Columns of a table with a row for each segment of a timeline.

    Args:
        answer: whose timeline it is.
        most: rows; later segments are left out, and a last row says so.
    """
    found = answer.timeline.segments
    rows = [
        (f"{one.start_s:.1f}", f"{one.end_s:.1f}", plain(one.emotion or "no emotion"), percent(one.confidence))
        for one in found[:most]
    ]
    if len(found) > most:
        rows.append(("…", "…", f"{len(found) - most} more are in the files below", ""))
    titles = ("From (s)", "To (s)", "Emotion", "Confidence")
    return {title: [row[i] for row in rows] for i, title in enumerate(titles)}


def figures(facts: ModelFacts) -> dict[str, list[str]]:
    """Columns of a table with a row for each figure of a model."""
    columns = {"Figure": [one.name for one in facts.figures], "Value": [one.value for one in facts.figures]}
    if any(one.interval for one in facts.figures):
        columns["95 % interval"] = [one.interval or "–" for one in facts.figures]
    return columns


def _reworded(text: str) -> str:
    for command, words in _COMMANDS.items():
        text = text.replace(command, words)
    return text[:1].upper() + text[1:]
