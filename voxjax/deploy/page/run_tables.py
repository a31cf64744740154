"""Figures of a finished run as columns of tables, and in words."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from voxjax.deploy.page.words import plain
from voxjax.metrics import proportions

Columns = dict[str, list[str]]


def percent(fraction: float | None) -> str:
    """As "71.2%"; a dash where it was not measured."""
    return "–" if fraction is None else f"{fraction:.1%}"


def interval(ends: Sequence[float] | None) -> str:
    """As "64.1% to 74.9%"; a dash where there is none."""
    return "–" if ends is None else f"{ends[0]:.1%} to {ends[1]:.1%}"


def result(figures: Mapping[str, Any]) -> Columns:
    """The main figures with their intervals."""
    calibrated = figures["ece_calibrated"] if "ece_calibrated" in figures else figures["ece"]
    rows = [
        ("UAR", percent(figures["uar"]), interval(figures["uar_ci"])),
        ("Accuracy", percent(figures["accuracy"]), interval(figures["accuracy_ci"])),
        ("Macro-F1", percent(figures["macro_f1"]), "–"),
        ("Calibration error (ECE)", percent(calibrated), "–"),
        ("Test clips", f"{figures['n']:,} of {len(figures['per_speaker'])} speakers", "–"),
        ("Protocol", plain(figures["protocol"]), "–"),
        ("Tested on", plain(figures["test_corpus"] if "test_corpus" in figures else figures["corpus"]), "–"),
        *([("Trained on", plain(figures["trained_on"]), "–")] if "trained_on" in figures else []),
    ]
    return {title: [row[i] for row in rows] for i, title in enumerate(("Figure", "Value", "95 % interval"))}


def change(first: Mapping[str, Any], last: Mapping[str, Any], names: Mapping[str, str]) -> str:
    """As "training from 1.9 to 0.4, validation from 2.0 to 0.9"."""
    known = [key for key in names if key in first and key in last]
    return ", ".join(f"{names[key]} from {first[key]:.2f} to {last[key]:.2f}" for key in known)


def confusion(labels: Sequence[str], counts: np.ndarray) -> Columns:
    """Counts of clips, truth in rows and answers in columns."""
    columns = {"True emotion": [plain(label) for label in labels]}
    return columns | {plain(label): [str(n) for n in counts[:, i]] for i, label in enumerate(labels)}


def group_rows(figures: Mapping[str, Any], key: str, counts: str) -> list[dict[str, Any]]:
    """Rows of `name`, `value`, `low`, `high`, `n`, the lowest UAR first. Older reports have no intervals.

    Args:
        figures: the content of `metrics.json`.
        key: of the UARs: per_speaker or per_gender.
        counts: key of the numbers of clips.
    """
    ends = figures[f"{key}_ci"] if f"{key}_ci" in figures else {}
    rows = []
    for name, value in sorted(figures[key].items(), key=lambda item: item[1]):
        n = figures[counts][name]
        low, high = ends[name] if name in ends else proportions.wilson(value, n)
        rows.append({"name": name, "value": value, "low": low, "high": high, "n": n})
    return rows


def groups(title: str, rows: Sequence[Mapping[str, Any]]) -> Columns:
    """A table of `group_rows`."""
    return {
        title: [plain(row["name"]) for row in rows],
        "UAR": [percent(row["value"]) for row in rows],
        "95 % interval": [interval((row["low"], row["high"])) for row in rows],
        "Clips": [str(row["n"]) for row in rows],
    }


def calibration(figures: Mapping[str, Any]) -> str:
    """What the calibration error means, in words."""
    points = 100 * figures["ece_calibrated"]
    return (
        f"On average the confidence is {points:.1f} points from the accuracy of the answers that have it. In the "
        "chart, bars that end on the dashed line are calibrated; below it the model is too confident."
    )


def reliability(bins: Mapping[str, np.ndarray]) -> Columns:
    """Accuracy of the answers of like confidence."""
    filled, width = np.flatnonzero(bins["count"]), 1 / len(bins["count"])
    values = [(float(bins["accuracy"][i]), int(bins["count"][i])) for i in filled]
    return {
        "Confidence": [f"{i * width:.0%} to {(i + 1) * width:.0%}" for i in filled],
        "Accuracy": [percent(accuracy) for accuracy, _ in values],
        "95 % interval": [interval(proportions.wilson(accuracy, n)) for accuracy, n in values],
        "Clips": [str(n) for _, n in values],
    }


def coverage(figures: Mapping[str, Any]) -> Columns:
    """Accuracy when only the most confident clips are answered."""
    rows = figures["coverage"][1::2]
    return {
        "Answered": [f"{row['coverage']:.0%}" for row in rows],
        "Accuracy": [percent(row["accuracy"]) for row in rows],
        "Lowest confidence": [percent(row["confidence"]) for row in rows],
    }


def rejected(figures: Mapping[str, Any]) -> Columns:
    """Thresholds for target accuracies, and their result on the test clips."""
    rows = figures["reject"]
    return {
        "Target accuracy": [f"{row['target']:.0%}" for row in rows],
        "Threshold": ["none reaches it" if row["threshold"] is None else f"{row['threshold']:.2f}" for row in rows],
        "Answered": [percent(row["coverage"]) for row in rows],
        "Accuracy": [f"{percent(row['accuracy'])} of {row['n']}" if row["n"] else "–" for row in rows],
    }
