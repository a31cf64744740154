"""Files that a visitor may take along: answers as tables, timelines as other programs read them, pictures."""

import threading
from collections.abc import Sequence
from pathlib import PurePath
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32

from voxjax.attribution.explanation import Explanation
from voxjax.deploy.page.answering import Answer
from voxjax.inference.formats import FORMATS, Layout
from voxjax.inference.timeline_formats import TIMELINE_FORMATS
from voxjax.reporting import attribution_plot, timeline_plot

RATE_HZ = 16_000  # of pictures and of what is played
_drawing = threading.Lock()  # matplotlib's settings are the process's


class Download(NamedTuple):
    """A kind of file.

    Attributes:
        title: for its button.
        suffix: of its name.
        media_type: for the browser.
    """

    title: str
    suffix: str
    media_type: str


ANSWERS = {"csv": Download("CSV", ".csv", "text/csv"), "json": Download("JSON", ".jsonl", "application/x-ndjson")}
TIMELINES = {
    "csv": Download("CSV", ".csv", "text/csv"),
    "json": Download("JSON", ".json", "application/json"),
    "textgrid": Download("TextGrid for Praat", ".TextGrid", "text/plain"),
}
PICTURE = Download("Picture (PNG)", ".png", "image/png")


def answers(kind: str, found: Sequence[Answer]) -> bytes:
    """All answers as one table, a row for each recording and model.

    Args:
        kind: a key of `ANSWERS`.
        found: at least one; those of models with other labels leave columns empty.
    """
    labels = list(dict.fromkeys(label for one in found for label in one.result["probabilities"]))
    style, layout = FORMATS[kind], Layout(labels, max(len(one.name) for one in found))
    lines = [*style.header(layout)]
    for one in found:
        values = {"path": one.name, **one.result}
        if kind == "csv":
            values["probabilities"] = dict.fromkeys(labels, "") | one.result["probabilities"]
        lines.append(style.row(layout, values))
    return "".join(f"{line}\n" for line in lines).encode()


def timeline(kind: str, answer: Answer) -> bytes:
    """A timeline in a key of `TIMELINES`.

    Raises:
        UsageError: where the package for it is not installed.
    """
    return TIMELINE_FORMATS[kind].write([answer.timeline])


def picture(answer: Answer, samples: Float32[np.ndarray, " time"]) -> bytes:
    """Waveform, spectrogram and timeline as a PNG.

    Args:
        answer: whose timeline is drawn.
        samples: of the recording, mono, at `RATE_HZ`.
    """
    with _drawing:
        return timeline_plot.png(answer.timeline, [samples], RATE_HZ)


def explanation_picture(name: str, explanation: Explanation) -> bytes:
    """The spectrogram with what raised and lowered an emotion, as a PNG."""
    with _drawing:
        return attribution_plot.draw(name, explanation)


def file_name(recording: str, model: str, suffix: str) -> str:
    """A name for a download: those of the recording and the model."""
    stem = PurePath(recording.replace("\\", "/")).stem or "recording"
    kept = "".join(letter if letter.isalnum() or letter in "-_ " else "_" for letter in f"{stem}_{model}")
    return kept[:100] + suffix
