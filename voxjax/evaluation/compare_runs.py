"""Comparison of two runs on the same test clips: differences, intervals and significance."""

import json
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any, NamedTuple

import numpy as np

from voxjax.data import corpora
from voxjax.errors import VoxJaxError, mismatch
from voxjax.labels import label_columns
from voxjax.metrics import classification, significance
from voxjax.names import normalised
from voxjax.storage import csv_text, sums
from voxjax.storage.paths import AnyPath, reaching
from voxjax.storage.safe_text import printable

_FIGURES = {"uar": classification.uar, "accuracy": classification.accuracy}


class Run(NamedTuple):
    """A run's report. A clip has a row for each seed under which it was tested."""

    name: str
    figures: Mapping[str, Any]  # metrics.json
    clips: np.ndarray  # [rows]
    speakers: np.ndarray  # [rows]
    genders: np.ndarray  # [rows], '' where unknown
    folds: np.ndarray  # int [rows]
    truth: np.ndarray  # int [rows]
    probabilities: np.ndarray  # [rows, K], calibrated
    predicted: np.ndarray  # int [rows]
    audio: Mapping[str, str]  # the hash of each clip's samples, by clip; empty in older reports


def compare(first: AnyPath, second: AnyPath) -> dict[str, Any]:
    """Compares two run folders.

    Args:
        first, second: folders with `report/metrics.json` and `report/predictions.csv`.

    Returns:
        For each of `uar` and `accuracy`: both values, their `difference` (first less second), its 95 % interval
        and a p value, all over `unit` (speakers, or clips where the protocol is by clip); McNemar's p value where
        each run has one seed; the fraction of clips on which both agree; recall of each class and UAR
        of each speaker under both.

    Raises:
        VoxJaxError: at a folder without a report, or two that were not tested on the same clips.
    """
    a = read(first)
    b = aligned(a, read(second))
    check_comparable(a, b)
    unit = a.figures["interval_over"]
    names = {"speakers": (a.speakers, b.speakers), "clips": (a.clips, b.clips)}[unit]
    classes = len(a.figures["labels"])
    ours, theirs = (np.stack(list(_by(run, name, classes).values())) for run, name in zip((a, b), names, strict=True))
    found: dict[str, Any] = {
        "first": a.name,
        "second": b.name,
        **{key: a.figures[key] for key in ("protocol", "corpus", "labels")},
        "unit": unit,
        "units": len(ours),
        "clips": len(set(a.clips)),
        "seeds": [a.figures["seeds"], b.figures["seeds"]],
    }
    for name, figure in _FIGURES.items():
        first_value, second_value = float(figure(ours.sum(0))), float(figure(theirs.sum(0)))
        found[name] = {
            "first": first_value,
            "second": second_value,
            "difference": first_value - second_value,
            "interval": significance.interval(ours, theirs, figure),
            "p": significance.permutation(ours, theirs, figure),
        }
    return found | _by_clip(a, b) | _details(a, b)


def read(folder: AnyPath) -> Run:
    """The report of a run.

    Raises:
        VoxJaxError: at a folder without a report, or a damaged one.
    """
    report = folder / "report"
    with reaching(report):
        absent = [name for name in ("metrics.json", "predictions.csv") if not (report / name).is_file()]
    if absent:
        do = "name the --workdir of a finished train.py, crossval.py or evaluate.py"
        raise VoxJaxError(mismatch(str(folder), "a run with report/metrics.json and predictions.csv", "none", do))
    do = "make the report again, or copy the run whole"
    files = sums.read(report, ("metrics.json", "predictions.csv", "recordings.csv"), do)
    try:
        figures = json.loads(files["metrics.json"])
        rows = csv_text.rows(files["predictions.csv"].decode())
        labels = figures["labels"]
        columns = label_columns(labels)
        place = {label: i for i, label in enumerate(labels)}
        probabilities = np.array([[float(row[column]) for column in columns] for row in rows])
        clips, speakers = (np.array([row[key] for row in rows]) for key in ("clip", "speaker"))
        known = figures["genders"] if "genders" in figures else {}
        genders = np.array([known[speaker] if speaker in known else "" for speaker in speakers])
        folds = np.array([int(row["fold"]) for row in rows])
        truth = np.array([place[row["truth"]] for row in rows])
        needed = {key: figures[key] for key in ("protocol", "corpus", "seeds", "model", "interval_over")}
        name = f"{folder} ({needed['model']})"
        predicted = probabilities.argmax(-1)
        audio = _audio(files["recordings.csv"]) if "recordings.csv" in files else {}
        return Run(name, figures, clips, speakers, genders, folds, truth, probabilities, predicted, audio)
    except (ValueError, KeyError, TypeError) as error:
        raise VoxJaxError(
            mismatch(str(report), "the files that a run leaves", f"damaged ones ({error})", do)
        ) from error


def aligned(a: Run, b: Run) -> Run:
    """The second run, where a clip and its speaker have the names that the first has for the same recording.

    Recordings are the same by their samples; else by their paths in any Unicode form; else by the names of a published
    corpus. The first of these that pairs all clips is used, and where none does the run is returned as it is.
    """
    for key in (_by_audio, _by_path, _by_published_name):
        ours, theirs = ({clip: key(run, clip) for clip in dict.fromkeys(run.clips.tolist())} for run in (a, b))
        names = {value: clip for clip, value in ours.items()}
        if len(names) == len(ours) and len({*theirs.values()}) == len(theirs) and names.keys() == {*theirs.values()}:
            clips = [names[theirs[clip]] for clip in b.clips.tolist()]
            speakers = dict(zip(a.clips.tolist(), a.speakers.tolist(), strict=True))
            return b._replace(clips=np.array(clips), speakers=np.array([speakers[clip] for clip in clips]))
    return b


def _by_audio(run: Run, clip: str) -> str:
    return run.audio[clip] if clip in run.audio else ""


def _by_path(run: Run, clip: str) -> str:
    del run
    return normalised(clip)


def _by_published_name(run: Run, clip: str) -> str:
    return corpora.canonical_key(":".join([run.figures["corpus"], *PurePath(clip).with_suffix("").parts]))


def _audio(content: bytes) -> dict[str, str]:
    return {row["clip"]: row["audio"] for row in csv_text.rows(content.decode())}


def check_comparable(a: Run, b: Run) -> None:
    """Checks that two runs have the same corpus, protocol, labels and test clips.

    Raises:
        VoxJaxError: at another corpus, protocol or set of labels, or other test clips.
    """
    for key in ("corpus", "protocol", "labels"):
        if a.figures[key] != b.figures[key]:
            what, found = f"{a.name} and {b.name}", f"{a.figures[key]} and {b.figures[key]}"
            raise VoxJaxError(mismatch(what, f"one {key}", found, "compare runs of the same test clips"))
    ours, theirs = (dict(zip(run.clips, run.truth, strict=True)) for run in (a, b))
    if ours != theirs:
        unmatched = sorted(ours.items() ^ theirs.items())
        found = f"{len({clip for clip, _ in unmatched})} that differ, as {unmatched[0][0]}"
        raise VoxJaxError(
            mismatch(f"{a.name} and {b.name}", "the same test clips", found, "use the same folds and corpus")
        )


def _by(run: Run, names: np.ndarray, classes: int) -> dict[str, np.ndarray]:
    """The confusion matrix of each group, in sorted order, as a mean over seeds."""
    seeds = len(run.clips) / len(set(run.clips))
    groups = classification.confusion_by_group(run.truth, run.predicted, names.tolist(), classes)
    return {name: counts / seeds for name, counts in groups.items()}


def _by_clip(a: Run, b: Run) -> dict[str, Any]:
    """McNemar's p and the agreement, where each run has one answer per clip."""
    if max(len(run.clips) - len(set(run.clips)) for run in (a, b)):
        return {"mcnemar_p": None, "agreement": None}
    ours, theirs = (run.predicted[np.argsort(run.clips)] for run in (a, b))
    truth = a.truth[np.argsort(a.clips)]
    return {
        "mcnemar_p": significance.mcnemar(ours == truth, theirs == truth),
        "agreement": float(np.mean(ours == theirs)),
    }


def _details(a: Run, b: Run) -> dict[str, Any]:
    """The figures of both runs for each class and each speaker."""
    labels = a.figures["labels"]
    total = [sum(_by(run, run.clips, len(labels)).values()) for run in (a, b)]
    recalls = [classification.recalls(np.asarray(counts)) for counts in total]
    people = [_by(run, run.speakers, len(labels)) for run in (a, b)]
    return {
        "per_class": {
            label: [float(r[i]) for r in recalls] for i, label in enumerate(labels) if np.isfinite(recalls[0][i])
        },
        "per_speaker": {
            name: [float(classification.uar(each[name])) for each in people] for name in people[0] if name in people[1]
        },
    }


def printout(found: Mapping[str, Any]) -> str:
    """The comparison as text."""
    rule = "=" * 70
    over = f"{found['units']} {found['unit']}"
    lines = [
        rule,
        f"A: {found['first']}, seeds {found['seeds'][0]}",
        f"B: {found['second']}, seeds {found['seeds'][1]}",
        f"{found['corpus']}, protocol {found['protocol']}, {found['clips']} test clips, paired over {over}",
        rule,
        f"{'':<12}{'A':>9}{'B':>9}{'A - B':>9}   95 % interval        p",
    ]
    for name, title in (("uar", "UAR"), ("accuracy", "Accuracy")):
        row = found[name]
        low, high = (f"{100 * end:+.1f}" for end in row["interval"])
        cells = f"{row['first']:>9.1%}{row['second']:>9.1%}{100 * row['difference']:>+9.1f}"
        lines.append(f"{title:<12}{cells}   {low:>6} to {high:<6}   {_p(row['p'])}")
    if found["mcnemar_p"] is not None:
        lines.append(f"The two agree on {found['agreement']:.1%} of the clips; McNemar's p {_p(found['mcnemar_p'])}.")
    lines += [_conclusion(found), "", *_table("Recall", list(found["per_class"].items()))]
    apart = sorted(found["per_speaker"].items(), key=lambda item: item[1][0] - item[1][1])
    shown = apart if len(apart) <= 2 * _SHOWN else [*apart[:_SHOWN], *apart[-_SHOWN:]]
    lines += ["", *_table("UAR of speakers", shown), rule]
    return "\n".join(map(printable, lines))


_SHOWN = 5  # speakers at each end


def _table(title: str, rows: Sequence[tuple[str, list[float]]]) -> list[str]:
    """Lines of names with their pairs; names are not cut, as they may differ at their ends."""
    width = max([16, *(len(name) + 1 for name, _ in rows)])
    lines = [f"{title:<{width}}{'A':>9}{'B':>9}{'A - B':>9}"]
    return lines + [f"{name:<{width}}{a:>9.1%}{b:>9.1%}{100 * (a - b):>+9.1f}" for name, (a, b) in rows]


def _p(value: float) -> str:
    return "<0.001" if value < 0.001 else f"{value:.3f}"


def _conclusion(found: Mapping[str, Any]) -> str:
    row = found["uar"]
    better = "A" if row["difference"] > 0 else "B"
    if row["p"] < 0.05:
        return f"{better} has the higher UAR; p {_p(row['p'])} that chance alone gives such a difference."
    return f"The difference in UAR may be chance (p {row['p']:.2f}); more {found['unit']} would be needed."
