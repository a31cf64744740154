"""The report of a run: figures, tables, pictures and one page, written into a folder."""

import dataclasses
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NotRequired, TypedDict

import numpy as np

from voxjax import calibrate, metrics, reject
from voxjax.data.corpora import made
from voxjax.edges import files, page, plots, report_tables
from voxjax.edges.provenance import provenance

# In these the same speakers are on both sides, so clips are what is independent.
_CLIP_PROTOCOLS = ("random5", "guide")


class Meta(TypedDict):
    """What a figure must never be shown without."""

    protocol: str
    corpus: str  # several joined by "+"
    model: str
    folds: int
    seeds: list[int]
    chosen_by: str  # what chose the epoch, such as "validation UAR"
    train_seconds: float
    parameters: int
    members: list[dict[str, Any]]  # `architecture` and `uar` each; a lone member's UAR is filled in
    config: Mapping[str, Any]  # every value, resolved
    vote: NotRequired[dict[str, Any]]  # of an ensemble: `weights`, `uar`, `accuracy`, `best_member_uar`
    diversity: NotRequired[dict[str, Any]]  # as `voxjax.vote.diversity`
    collapse: NotRequired[list[str]]  # what the collapse guard said
    advice: NotRequired[list[str]]  # what the curves say, as `voxjax.edges.advice`
    subsets: NotRequired[list[dict[str, Any]]]  # of modalities: `modalities`, `uar`, `accuracy`, `n`
    compiles: NotRequired[int]  # of the training step
    members_via: NotRequired[str]


@dataclasses.dataclass(frozen=True)
class ReportInput:
    """Test predictions of n clips, and what made them. Columns are one entry a clip."""

    labels: Sequence[str]  # K names
    clips: Sequence[str]
    speakers: Sequence[str]
    genders: Sequence[str]  # '' where unknown
    folds: Sequence[int] | np.ndarray  # the fold whose test side held the clip
    truth: np.ndarray  # integer [n]
    logits: np.ndarray  # [n, K], before the temperature
    temperature: float | np.ndarray  # one, or that of each clip's fold, [n]
    meta: Meta
    thresholds: np.ndarray | None = None  # [n, targets], of each clip's fold; None where nothing was chosen
    history: Sequence[Mapping[str, Any]] = ()  # as `plots.history`
    notes: Sequence[str] = ()  # plain text, such as a corpus's credit and licence


def write_report(folder: Path, run: ReportInput) -> dict[str, Any]:
    """Writes `metrics.json`, the tables, the pictures and `report.html`, each whole or not at all.

    Args:
        folder: made if missing. Files of the same names are replaced.
        run: what to report.

    Returns:
        What `metrics.json` holds.

    Raises:
        VoxJaxError: without clips, with unequal columns, or at logits that are not finite.
        OSError: if the folder can't be written.
    """
    temperature = np.broadcast_to(np.asarray(run.temperature, np.float64), len(run.truth))
    before = calibrate.apply(run.logits, 1.0)
    after = calibrate.apply(run.logits, temperature[:, None])
    figures = measure(run, before, after)
    pictures = draw(run, figures, before, after)
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("confusion", "history", "reliability"):
        if name in pictures:
            files.write(folder / f"{name}.png", pictures[name])
    files.write(folder / "metrics.json", json.dumps(figures, indent=1, allow_nan=False) + "\n")
    files.write(folder / "per_class.csv", report_tables.per_class(figures))
    files.write(folder / "confusion.csv", report_tables.confusion(figures))
    if len(figures["members"]) > 1:
        files.write(folder / "members.csv", report_tables.members(figures))
    if "subsets" in figures:
        files.write(folder / "subsets.csv", report_tables.subsets(figures))
    columns = (run.clips, run.speakers, run.folds, run.truth, after)
    files.write(folder / "predictions.csv", report_tables.predictions(run.labels, *columns))
    content = page.render(figures, pictures, run.meta["config"], run.notes)
    files.write(folder / "report.html", content)
    return figures


def measure(run: ReportInput, before: np.ndarray, after: np.ndarray) -> dict[str, Any]:
    """The content of `metrics.json`; values that are not finite become None.

    Args:
        run: what to report.
        before: `[n, K]`, probabilities without the temperature.
        after: `[n, K]`, calibrated.
    """
    meta = run.meta
    over = _interval_over(meta["protocol"], run.speakers)
    units = {"speakers": run.speakers, "clips": run.clips}[over]
    summary = metrics.summarize(run.truth, after, run.labels, run.speakers, run.genders, units)
    summary["ece_calibrated"] = summary["ece"]
    summary["ece"] = metrics.ece(before, run.truth)
    head = {key: value for key, value in meta.items() if key != "config"}
    if len(meta["members"]) == 1:  # one member's figure is the whole's
        head["members"] = [meta["members"][0] | {"uar": summary["uar"]}]
    figures = (
        head
        | summary
        | {
            "temperature": float(np.exp(np.mean(np.log(run.temperature)))),
            "interval_over": over,
            "genders": dict(zip(run.speakers, run.genders, strict=True)),
            "per_fold": _per_fold(run, after),
            **_rejected(run, after),
            "warnings": [*warnings_about(meta["protocol"], meta["corpus"]), *_collapses(meta)],
            **provenance(),
        }
    )
    return _plain(figures)


def draw(run: ReportInput, figures: Mapping[str, Any], before: np.ndarray, after: np.ndarray) -> dict[str, bytes]:
    """PNG files by name: confusion, reliability, coverage and, if there is one, history."""
    sides = {
        f"Before: ECE {figures['ece']:.1%}": metrics.reliability(before, run.truth),
        f"After temperature {figures['temperature']:.2f}: ECE {figures['ece_calibrated']:.1%}": (
            metrics.reliability(after, run.truth)
        ),
    }
    title = f"{figures['model']} on {figures['corpus']}, protocol {figures['protocol']}"
    pictures = {
        "confusion": plots.confusion(run.labels, np.array(figures["confusion"]), title),
        "reliability": plots.reliability(sides),
        "coverage": plots.coverage(figures["coverage"]),
    }
    if run.history:
        pictures["history"] = plots.history(run.history)
    return {name: plots.png(figure) for name, figure in pictures.items()}


def warnings_about(protocol: str, corpus: str) -> list[str]:
    """Sentences that must stand beside every figure of this protocol and corpus."""
    found = []
    if set(corpus.split("+")) & set(made.NAMES):
        found.append("The corpus is synthetic: these figures say nothing about people.")
    if protocol == "guide":
        found.append(
            "The protocol of the training guide leaks: copies of a clip lie on both sides of the "
            "split, so these figures measure nothing. It is kept to show the leak."
        )
    if protocol == "all":
        found.append("Nothing was held out: these figures are of the validation clips, and no result.")
    return found


def _collapses(meta: Meta) -> list[str]:
    return [f"Training collapsed: {said}." for said in meta["collapse"]] if "collapse" in meta else []


def printout(figures: Mapping[str, Any]) -> str:
    """The closing lines of a run: warnings, UAR and accuracy with intervals, classes, confusions.

    Args:
        figures: the content of `metrics.json`.
    """
    rule = "=" * 70
    over = figures["interval_over"]
    head = [
        rule,
        f"{figures['model']} on {figures['corpus']}: protocol {figures['protocol']}, "
        f"folds {figures['folds']}, seeds {figures['seeds']}, {figures['n']} test clips",
        *(f"WARNING: {text}" for text in figures["warnings"]),
        rule,
        f"Test UAR:      {_ratio(figures, 'uar')}   (95% bootstrap over {over})",
        f"Test Accuracy: {_ratio(figures, 'accuracy')}",
        f"Macro-F1:      {figures['macro_f1']:7.2%}",
        f"ECE:           {figures['ece']:7.2%}, {figures['ece_calibrated']:.2%} "
        f"after temperature {figures['temperature']:.2f}",
    ]
    members = [*report_tables.member_lines(figures), ""] if len(figures["members"]) > 1 else []
    members += [*report_tables.subset_lines(figures), ""] if "subsets" in figures else []
    classes, confusions = report_tables.class_lines(figures), report_tables.confusion_lines(figures)
    said = ["", *(f"ADVICE: {text}" for text in figures["advice"])] if "advice" in figures else []
    return "\n".join([*head, "", *members, *classes, "", *confusions, *said, rule])


def _interval_over(protocol: str, speakers: Sequence[str]) -> str:
    """What the bootstrap draws. One lone speaker has no spread to draw from."""
    by_clip = protocol in _CLIP_PROTOCOLS or len(set(speakers)) < 2
    return "clips" if by_clip else "speakers"


def _per_fold(run: ReportInput, after: np.ndarray) -> dict[str, dict[str, float]]:
    """UAR and accuracy of each fold by itself."""
    names = [str(fold) for fold in run.folds]
    parts = metrics.grouped(run.truth, after.argmax(-1), names, len(run.labels))
    return {
        name: {
            **metrics.scores(counts),
            "n": int(counts.sum()),
        }
        for name, counts in sorted(parts.items(), key=lambda part: int(part[0]))
    }


def _rejected(run: ReportInput, after: np.ndarray) -> dict[str, list[dict[str, Any]]]:
    """For each target share of right answers what its threshold, chosen on validation clips, does to the test clips."""
    if run.thresholds is None:
        return {}
    rows = []
    for target, least in zip(reject.TARGETS, run.thresholds.T, strict=True):
        known = least[np.isfinite(least)]
        threshold = float(known.mean()) if len(known) else None
        rows.append({"target": target, "threshold": threshold, **reject.outcome(after, run.truth, least)})
    return {"reject": rows}


def _plain(value: Any) -> Any:
    """The same values as JSON has them: no NumPy types, None for what is not finite."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [_plain(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _ratio(figures: Mapping[str, Any], name: str) -> str:
    low, high = figures[f"{name}_ci"]
    return f"{figures[name]:7.2%}   [{low:.1%}, {high:.1%}]"
