"""Evaluation of a model on corrupted recordings."""

import functools
import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from voxjax import progress
from voxjax.audio import corruptions
from voxjax.audio.io import MIN_DURATION_S, attempt, read
from voxjax.data import broken_clips
from voxjax.errors import VoxJaxError
from voxjax.inference.predictor import EmotionPredictor, ModalityInputs
from voxjax.metrics import classification
from voxjax.reporting import robustness_plot
from voxjax.storage import atomic, csv_text, json_values
from voxjax.storage.paths import AnyPath

_COLUMNS = (
    "kind",
    "strength",
    "uar",
    "uar_low",
    "uar_high",
    "accuracy",
    "accuracy_low",
    "accuracy_high",
    "uar_drop",
    "accuracy_drop",
    "n",
)
_FIGURES = ("uar", "accuracy")
UNCORRUPTED = ("none", "as recorded")


class Clips(NamedTuple):
    """Recordings with known emotions."""

    paths: Sequence[Path]
    truth: np.ndarray  # [n], indices into the model's labels
    modality_inputs: Sequence[ModalityInputs] | None = None  # other than the audio, not corrupted
    units: Sequence[str] | None = None  # what intervals draw, such as the speaker of each clip; None draws clips
    membership: np.ndarray | None = None  # of `LabelMapping`; None where `truth` is of the model's own labels


def table(predictor: EmotionPredictor, clips: Clips, seed: int, broken: str = "stop") -> list[dict[str, Any]]:
    """One row per corruption, the first uncorrupted: UAR, accuracy, and how far each lies below the first's.

    `uar_ci` and `accuracy_ci` are 95 % intervals over the units of the clips.

    Args:
        predictor: the model.
        clips: to corrupt; each is decoded once.
        seed: of all draws. The noise of clip i depends only on the seed, and not on other clips.
        broken: a name in `broken_clips.POLICIES`; all but "stop" leave out clips that can't be read.
    """
    rate_hz = predictor.sample_rate_hz
    clips, recordings = _decoded(clips, rate_hz, broken)
    rows = [_figures(UNCORRUPTED, predictor, [(recording, rate_hz) for recording in recordings], clips)]
    for i, corruption in enumerate(
        progress.over(corruptions.CORRUPTIONS, len(corruptions.CORRUPTIONS), "testing", "corruption")
    ):
        corrupted = list(_corrupted(corruption, recordings, rate_hz, (seed, i)))
        rows.append(_figures(corruption[:2], predictor, corrupted, clips))
    for row in rows:
        row |= {f"{name}_drop": rows[0][name] - row[name] for name in _FIGURES}
    return rows


def _decoded(clips: Clips, rate_hz: int, broken: str) -> tuple[Clips, list[np.ndarray]]:
    """The clips that can be read, with their samples."""
    bar = progress.over(clips.paths, len(clips.paths), "decoding", "clip")
    tried = [attempt(str(path), functools.partial(read, path, rate_hz)) for path in bar]
    errors = [one for one in tried if isinstance(one, VoxJaxError)]
    broken_clips.handle([str(error) for error in errors], broken)
    kept = [i for i, one in enumerate(tried) if not isinstance(one, VoxJaxError)]
    inputs = None if clips.modality_inputs is None else [clips.modality_inputs[i] for i in kept]
    units = None if clips.units is None else [clips.units[i] for i in kept]
    left = clips._replace(
        paths=[clips.paths[i] for i in kept], truth=clips.truth[kept], modality_inputs=inputs, units=units
    )
    return left, [one for one in tried if not isinstance(one, VoxJaxError)]


def write(folder: AnyPath, rows: Sequence[dict[str, Any]], title: str) -> None:
    """Writes `robustness.csv`, `robustness.json` and `robustness.png`."""
    flat = [
        {**row, **{f"{name}_{end}": row[f"{name}_ci"][i] for name in _FIGURES for i, end in enumerate(("low", "high"))}}
        for row in rows
    ]
    atomic.write(folder / "robustness.csv", csv_text.text(csv_text.dict_rows(_COLUMNS, flat)))
    atomic.write(
        folder / "robustness.json", json.dumps(json_values.plain(list(rows)), indent=1, allow_nan=False) + "\n"
    )
    atomic.write(folder / "robustness.png", robustness_plot.draw(rows, title))


def printout(rows: Sequence[dict[str, Any]]) -> str:
    """The table as text."""
    heads = f"{'UAR':>8}{'95% interval':>17}{'drop':>7}{'accuracy':>11}{'95% interval':>17}{'drop':>7}"
    lines = [f"{'Corruption':<14}{'strength':<17}{heads}"]
    for row in rows:
        ends = {name: "{:.1%} to {:.1%}".format(*row[f"{name}_ci"]) for name in _FIGURES}
        uar = f"{row['uar']:>8.1%}{ends['uar']:>17}{100 * row['uar_drop']:>7.1f}"
        accuracy = f"{row['accuracy']:>11.1%}{ends['accuracy']:>17}{100 * row['accuracy_drop']:>7.1f}"
        lines.append(f"{row['kind']:<14}{row['strength']:<17}{uar}{accuracy}")
    return "\n".join(lines)


def _corrupted(
    corruption: corruptions.Corruption, recordings: Sequence[np.ndarray], rate_hz: int, seed: tuple[int, int]
) -> Iterator[tuple[np.ndarray, int]]:
    for i, recording in enumerate(recordings):
        babble = [recordings[(i + step) % len(recordings)] for step in range(1, min(len(recordings), 12))] or [
            recording
        ]
        context = corruptions.Context(rate_hz, babble, np.random.default_rng([*seed, i]))
        corrupted = corruptions.corrupt(corruption, recording, context)
        missing = math.ceil(MIN_DURATION_S * rate_hz) - len(corrupted)  # of a short clip at a higher speed
        yield np.pad(corrupted, (0, max(0, missing))), rate_hz


def _figures(
    name: tuple[str, ...], predictor: EmotionPredictor, sources: Sequence[Any], clips: Clips
) -> dict[str, Any]:
    answers = predictor.predict_many(sources, modality_inputs=clips.modality_inputs)
    probabilities = np.array([list(answer["probabilities"].values()) for answer in answers])
    membership = np.eye(len(predictor.labels)) if clips.membership is None else clips.membership
    predicted = (probabilities @ membership).argmax(axis=1)
    kind, strength = name
    units = [str(i) for i in range(len(predicted))] if clips.units is None else clips.units
    parts = classification.confusion_by_group(clips.truth, predicted, units, membership.shape[1])
    drawn = np.stack(list(parts.values()))
    return {
        "kind": kind,
        "strength": strength,
        **classification.scores(drawn.sum(0)),
        **classification.intervals(drawn),
        "n": len(predicted),
    }
