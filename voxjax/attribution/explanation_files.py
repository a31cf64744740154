"""Explanations as tables and lines of text, and the names of their files."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from voxjax.attribution.explanation import Explanation, Patch, strongest
from voxjax.errors import UsageError, mismatch
from voxjax.storage import csv_text
from voxjax.storage.json_values import plain
from voxjax.storage.paths import AnyPath, locate
from voxjax.storage.safe_text import printable

COLUMNS = ("method", "start_s", "end_s", "low_hz", "high_hz", "effect_nats")
SUFFIXES = (".png", ".csv")
_NAMED = 3  # patches in a summary
_SMALL_NATS = 0.05  # changes a probability by less than a twentieth of itself
_JUMPS = 0.2  # of the sum of sizes: beyond it gradients miss too much


def table(explanation: Explanation) -> str:
    """All patches as CSV with the columns of `COLUMNS`, for each method."""
    rows: list[Sequence[csv_text.Cell]] = [COLUMNS]
    for attribution in explanation.attributions:
        for patch in explanation.patches(attribution):
            numbers = [round(patch.start_s, 4), round(patch.end_s, 4), round(patch.low_hz, 1), round(patch.high_hz, 1)]
            rows.append([attribution.method, *numbers, round(patch.effect, 6)])
    return csv_text.text(rows)


def summary(path: str, explanation: Explanation, files: Sequence[AnyPath]) -> dict[str, Any]:
    """What the command reports of a recording, as JSON values.

    Args:
        path: of the recording.
        explanation: of its answer.
        files: that were written.
    """
    methods = {
        one.method: {
            "patches": [patch._asdict() for patch in strongest(explanation.patches(one), _NAMED)],
            "gap": one.gap,
        }
        for one in explanation.attributions
    }
    return plain(
        {
            "path": path,
            "emotion": explanation.answer["emotion"],
            "confidence": explanation.answer["confidence"],
            "label": explanation.label,
            "probability": explanation.probability,
            "methods": methods,
            "warnings": [*explanation.answer["warnings"], *notes(explanation)],
            "files": [str(one) for one in files],
        }
    )


def notes(explanation: Explanation) -> list[str]:
    """What a reader should know of how good the explanation is."""
    found = []
    for one in explanation.attributions:
        sizes = float(np.abs(one.effects).sum())
        if one.method == "gradients" and abs(one.gap) > _JUMPS * max(sizes, _SMALL_NATS):
            found.append(
                f"gradients miss {abs(one.gap):.1f} nats of the difference that they explain: the model's features "
                "have jumps; use --method=occlusion"
            )
    return found


def lines(path: str, explanation: Explanation) -> list[str]:
    """The summary as text: the answer, then the patches that moved the label most."""
    answer = explanation.answer
    found = [f"{printable(path)}: {answer['emotion'] or 'no emotion'}, {answer['confidence']:.0%}"]
    for one in explanation.attributions:
        patches = [p for p in strongest(explanation.patches(one), _NAMED) if abs(p.effect) >= _SMALL_NATS]
        found += [f"  {sentence(patch, explanation.label)} ({one.method})" for patch in patches]
        if not patches:
            found.append(f"  no patch moved {explanation.label} by {_SMALL_NATS} nats ({one.method})")
    return [*found, *(f"  note: {text}" for text in (*answer["warnings"], *notes(explanation)))]


def sentence(patch: Patch, label: str) -> str:
    """As "0.8–1.2 s, 300–900 Hz raised angry by 1.3 nats"."""
    verb = "raised" if patch.effect > 0 else "lowered"
    place = f"{patch.start_s:.1f}–{patch.end_s:.1f} s, {patch.low_hz:.0f}–{patch.high_hz:.0f} Hz"
    return f"{place} {verb} {printable(label)} by {abs(patch.effect):.2g} nats"


def targets(places: Sequence[tuple[str, Path]], out: str) -> list[tuple[AnyPath, ...]]:
    """The files of each recording: NAME.png and NAME.csv; of a second one of this name NAME.wav.png and so on.

    Args:
        places: paths of recordings, each with its path in the folder `out`.
        out: the folder.

    Raises:
        UsageError: where two recordings would have the same files.
    """
    folder, names = locate(out), []
    for _, place in places:
        name = next((one for one in (str(place.with_suffix("")), str(place)) if one not in names), None)
        if name is None:
            do = "give their folder, or one at a time"
            raise UsageError(mismatch("--out", "a name for each recording", f"two of the name {place}", do))
        names.append(name)
    return [tuple(folder / f"{name}{suffix}" for suffix in SUFFIXES) for name in names]
