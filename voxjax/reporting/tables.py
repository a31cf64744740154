"""Tables of a run, as CSV and as lines of text."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from voxjax.labels import RESERVED_COLUMNS, distinct_columns, label_columns
from voxjax.storage import csv_text

_SCORES = ("precision", "recall", "f1")
_MEMBER = (
    "name",
    "architecture",
    "uar",
    "accuracy",
    "valid_uar",
    "best_epoch",
    "epochs",
    "weight",
    "parameters",
    "status",
)


def per_class(figures: Mapping[str, Any]) -> str:
    """`per_class.csv`: label, precision, recall, f1, n. A class without clips has empty scores."""
    rows = [[label, *(row[name] for name in _SCORES), row["n"]] for label, row in figures["per_class"].items()]
    return csv_text.text([["label", *_SCORES, "n"], *rows])


def confusion(figures: Mapping[str, Any]) -> str:
    """`confusion.csv`: counts, the truth in rows and the prediction in columns."""
    labels = figures["labels"]
    rows = [[label, *counts] for label, counts in zip(labels, figures["confusion"], strict=True)]
    return csv_text.text([["truth", *label_columns(labels)], *rows])


def predictions(
    labels: Sequence[str],
    clips: Sequence[str],
    speakers: Sequence[str],
    folds: Sequence[int] | np.ndarray,
    truth: np.ndarray,
    probabilities: np.ndarray,
    own_columns: Mapping[str, Sequence[str]],
) -> str:
    """`predictions.csv`: clip, speaker, fold, truth, the probability of each label, and the user's own columns.

    Args:
        labels: of K classes.
        clips, speakers, folds, truth: one entry per clip; `truth` holds indices into `labels`.
        probabilities: `[n, K]`.
        own_columns: by name, one entry per clip.
    """
    columns = ["clip", "speaker", "fold", "truth", *label_columns(labels)]
    own = distinct_columns(list(own_columns), [*RESERVED_COLUMNS, *columns], "own_")
    rows = [
        [clip, speaker, fold, labels[true], *(f"{p:.6f}" for p in row), *(each[i] for each in own_columns.values())]
        for i, (clip, speaker, fold, true, row) in enumerate(
            zip(clips, speakers, folds, truth, probabilities, strict=True)
        )
    ]
    return csv_text.text([[*columns, *own], *rows])


def recordings(clips: Sequence[str], audio_hashes: Sequence[str]) -> str:
    """`recordings.csv`: clip, audio: the hash of each clip's samples, by which runs are paired."""
    return csv_text.text([["clip", "audio"], *dict.fromkeys(zip(clips, audio_hashes, strict=True))])


def members(figures: Mapping[str, Any]) -> str:
    """`members.csv`: one row per member of an ensemble, and the vote in the last row. Unknown values are empty."""
    rows = [[row[name] if name in row else "" for name in _MEMBER] for row in _with_vote(figures)]
    return csv_text.text([_MEMBER, *rows])


def member_lines(figures: Mapping[str, Any]) -> list[str]:
    """The members and their vote as aligned text, and how much they differ."""
    rows = _with_vote(figures)
    width = max([16, *(len(str(row["name"])) + 1 for row in rows)])  # names are not cut: they may differ at their ends
    heads = ("UAR", "accuracy", "valid UAR", "epoch", "weight")
    lines = ["Members".ljust(width) + "".join(f"{head:>11}" for head in heads)]
    for row in rows:
        cells = [f"{row[name]:.1%}" if name in row else "-" for name in ("uar", "accuracy", "valid_uar")]
        cells.append(str(row["best_epoch"]) if "best_epoch" in row else "-")
        cells.append(f"{row['weight']:.2f}" if "weight" in row else "-")
        note = row["status"] if "status" in row and row["status"] != "trained" else ""
        lines.append(str(row["name"]).ljust(width) + "".join(f"{cell:>11}" for cell in cells) + f"   {note}".rstrip())
    if "diversity" in figures:
        correlation = figures["diversity"]["error_correlation"]
        text = "" if correlation is None else f"; their errors correlate by {correlation:.2f}"
        lines.append(f"Two members differ on {figures['diversity']['disagreement']:.1%} of the clips{text}.")
    return lines


def _with_vote(figures: Mapping[str, Any]) -> list[dict[str, Any]]:
    rows = [{"name": f"{row['architecture']} {i + 1}", **row} for i, row in enumerate(figures["members"])]
    if "vote" in figures:
        rows.append(
            {"name": "vote", "architecture": f"soft vote, {figures['vote']['weights']} weights", **figures["vote"]}
        )
    return rows


def modality_ablation(figures: Mapping[str, Any]) -> str:
    """`modality_ablation.csv`: UAR and accuracy with each subset of the modalities; empty where not measured."""
    rows = [
        ["+".join(row["modalities"]), row["uar"], row["accuracy"], row["n"]] for row in figures["modality_ablation"]
    ]
    return csv_text.text([["modalities", "uar", "accuracy", "n"], *rows])


def modality_ablation_lines(figures: Mapping[str, Any]) -> list[str]:
    """The modality ablation as aligned text."""
    names = ["+".join(row["modalities"]) for row in figures["modality_ablation"]]
    width = max(map(len, ("Modalities", *names))) + 1
    lines = ["Modalities".ljust(width) + "".join(f"{head:>11}" for head in ("UAR", "accuracy", "clips"))]
    for name, row in zip(names, figures["modality_ablation"], strict=True):
        cells = ["-" if row[key] is None else f"{row[key]:.1%}" for key in ("uar", "accuracy")]
        lines.append(name.ljust(width) + "".join(f"{cell:>11}" for cell in (*cells, row["n"])))
    return lines


def enrolment_lines(figures: Mapping[str, Any]) -> list[str]:
    """Figures over the number of known clips of a test speaker as aligned text, with intervals over speakers."""
    heads = ("UAR", "95% interval", "accuracy", "95% interval", "answers")
    lines = ["Known clips".ljust(16) + "".join(f"{head:>16}" for head in heads)]
    rows = figures["enrolment"]
    named = [(str(row["known"]), row, row["n"]) for row in rows]
    named += [(f"{row['known']} labelled", row["labelled"], row["n"]) for row in rows[1:] if "labelled" in row]
    for name, row, answers in named:
        ends = {key: "{:.1%} to {:.1%}".format(*row[f"{key}_ci"]) for key in ("uar", "accuracy")}
        cells = (f"{row['uar']:.1%}", ends["uar"], f"{row['accuracy']:.1%}", ends["accuracy"], str(answers))
        lines.append(name.ljust(16) + "".join(f"{cell:>16}" for cell in cells))
    return lines


def adaptation_lines(figures: Mapping[str, Any]) -> list[str]:
    """Figures over the number of known clips of the test corpus as aligned text; none where they were not measured."""
    rows = figures["adaptation"]["rows"] if "rows" in figures["adaptation"] else []
    heads = ("UAR", "95% interval", "accuracy", "ECE", "answers")
    lines = ["Known clips".ljust(16) + "".join(f"{head:>16}" for head in heads)] if rows else []
    for row in rows:
        ends = "{:.1%} to {:.1%}".format(*row["uar_ci"])
        cells = (f"{row['uar']:.1%}", ends, f"{row['accuracy']:.1%}", f"{row['ece']:.1%}", str(row["n"]))
        lines.append(str(row["known"]).ljust(16) + "".join(f"{cell:>16}" for cell in cells))
    return lines


def class_lines(figures: Mapping[str, Any]) -> list[str]:
    """The classes as aligned text; a dash for a class without test clips."""
    width = _widest(figures["labels"])
    lines = ["Per class".ljust(width) + "".join(f"{name:>11}" for name in (*_SCORES, "n"))]
    for label, row in figures["per_class"].items():
        cells = ["-" if row[name] is None else f"{row[name]:.1%}" for name in _SCORES]
        lines.append(label.ljust(width) + "".join(f"{cell:>11}" for cell in (*cells, row["n"])))
    return lines


def confusion_lines(figures: Mapping[str, Any]) -> list[str]:
    """The confusion matrix as aligned text."""
    labels = figures["labels"]
    width = _widest(labels)
    lines = ["Confusion matrix: truth in rows, prediction in columns"]
    lines.append(" " * width + "".join(f"{label[:9]:>10}" for label in labels))
    for label, counts in zip(labels, figures["confusion"], strict=True):
        lines.append(label.ljust(width) + "".join(f"{n:>10}" for n in counts))
    return lines


def _widest(labels: Sequence[str]) -> int:
    return max(12, *(len(label) + 1 for label in labels))
