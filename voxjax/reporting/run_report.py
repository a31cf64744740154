"""The report of a run: `metrics.json`, tables, plots and one HTML page."""

import json
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from voxjax.config_schema import dotted
from voxjax.evaluation import enrolment_curve, in_words
from voxjax.evaluation.figures import measure, probabilities
from voxjax.evaluation.results import ReportInput
from voxjax.metrics import classification
from voxjax.reporting import enrolment_plot, html, plots, robustness_plot, tables, terms
from voxjax.storage import atomic, sums
from voxjax.storage.paths import AnyPath
from voxjax.storage.safe_text import printable

_LOG = "../metrics.jsonl"  # beside the report of a run that was trained in epochs


def write_report(folder: AnyPath, run: ReportInput, figures: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
    """Writes `metrics.json`, the tables, the pictures and `report.html`, each atomically, then `SHA256SUMS`.

    Args:
        folder: created if missing. Files of the same names are replaced.
        run: what to report.
        figures: from `evaluation.figures.measure`, if the caller has them already.

    Returns:
        The content of `metrics.json`.

    Raises:
        VoxJaxError: without clips, with unequal columns, or at logits that are not finite.
        OSError: if the folder can't be written.
    """
    figures = measure(run) if figures is None else figures
    before, after = probabilities(run)
    pictures = draw(run, figures, before, after)
    for name in ("confusion", "history", "reliability"):
        if name in pictures:
            atomic.write(folder / f"{name}.png", pictures[name])
    atomic.write(folder / "metrics.json", json.dumps(figures, indent=1, allow_nan=False) + "\n")
    atomic.write(folder / "per_class.csv", tables.per_class(figures))
    atomic.write(folder / "confusion.csv", tables.confusion(figures))
    if len(figures["members"]) > 1:
        atomic.write(folder / "members.csv", tables.members(figures))
    if "modality_ablation" in figures:
        atomic.write(folder / "modality_ablation.csv", tables.modality_ablation(figures))
    if "enrolment" in figures:
        rows = figures["enrolment"]
        about = {key: figures[key] for key in ("protocol", "corpus", "model", "seeds")}
        curve = {**about, "note": enrolment_curve.notes(figures["protocol"])[0], "rows": rows}
        atomic.write(folder / "enrolment.json", json.dumps(curve, indent=1, allow_nan=False) + "\n")
        atomic.write(folder / "enrolment.png", pictures["enrolment"])
    columns = (run.clips, run.speakers, run.folds, run.truth, after, run.own_columns)
    atomic.write(folder / "predictions.csv", tables.predictions(run.labels, *columns))
    if run.audio_hashes:
        atomic.write(folder / "recordings.csv", tables.recordings(run.clips, run.audio_hashes))
    atomic.write(folder / "report.html", page(figures, pictures, run.meta["config"], run.notes))
    log = [_LOG] if (folder / _LOG).exists() else []
    sums.write(folder, ["metrics.json", "predictions.csv", *(["recordings.csv"] if run.audio_hashes else []), *log])
    return figures


def draw(run: ReportInput, figures: Mapping[str, Any], before: np.ndarray, after: np.ndarray) -> dict[str, bytes]:
    """PNG files by name: confusion, reliability, coverage and, where there are such figures, the others."""
    bins = {
        f"Before: ECE {figures['ece']:.1%}": classification.reliability(before, run.truth),
        f"After temperature {figures['temperature']:.2f}: ECE {figures['ece_calibrated']:.1%}": (
            classification.reliability(after, run.truth)
        ),
    }
    title = _title(figures)
    pictures = {
        "confusion": plots.confusion(run.labels, np.array(figures["confusion"]), title),
        "reliability": plots.reliability(bins),
        "coverage": plots.coverage(figures["coverage"]),
    }
    if run.history:
        pictures["history"] = plots.history(run.history)
    drawn = {name: plots.png(figure) for name, figure in pictures.items()}
    if "enrolment" in figures:
        drawn["enrolment"] = enrolment_plot.draw(figures["enrolment"], title)
    if "robustness" in figures:
        drawn["robustness"] = robustness_plot.draw(figures["robustness"], title)
    return drawn


def page(
    figures: Mapping[str, Any],
    pictures: Mapping[str, bytes],
    config: Mapping[str, Any],
    notes: Sequence[str] = (),
) -> str:
    """The page `report.html` as text.

    Args:
        figures: the content of `metrics.json`.
        pictures: PNG files by name: confusion, history, reliability, coverage. The history may be missing.
        config: every value of the run, nested.
        notes: paragraphs of plain text.
    """
    values = {
        "sentence": in_words.sentence(figures),
        "facts": _facts(figures),
        "chance": in_words.guessing(figures).chance,
        "figures": figures,
        "pictures": pictures,
        "config": dotted(config),
        "notes": notes,
    }
    return html.render("run_report.html", title=_title(figures), **values)


def _facts(figures: Mapping[str, Any]) -> dict[str, str]:
    """How the figures were obtained, by name."""
    how = in_words.protocol_words(figures).how
    across = "test_corpus" in figures and figures["test_corpus"] != figures["trained_on"]
    corpora = {"Trained on": "trained_on", "Tested on": "test_corpus"} if across else {"Corpus": "corpus"}
    speakers = html.plural(len(figures["per_speaker"]), "speaker")
    facts = {
        "Protocol": f"{figures['protocol']}: {how}" if how else figures["protocol"],
        **{name: figures[key] for name, key in corpora.items()},
        "Test clips": f"{figures['n']:,} of {speakers}",
    }
    if "adaptation" in figures:
        facts["Adaptation"] = figures["adaptation"]["note"]
    if "selection" in figures:
        facts["Left out"] = " ".join(figures["selection"]) or "nothing"
    return facts | {
        "Folds, seeds": f"{html.plural(figures['folds'], 'fold')}, seeds {html.listed(figures['seeds'])}",
        "Epoch chosen by": figures["chosen_by"],
        "Intervals": f"95%, {figures['interval_method']} over {figures['interval_over']}",
        "Parameters": f"{figures['parameters']:,}",
        "Training time": html.duration(figures["train_seconds"]),
    }


def printout(figures: Mapping[str, Any]) -> str:
    """The summary of a run for the terminal: in words, warnings, UAR and accuracy with intervals, classes, confusions.

    Args:
        figures: the content of `metrics.json`.
    """
    rule = "=" * 70
    over = figures["interval_over"]
    about = [figures["adaptation"]["note"]] if "adaptation" in figures else []
    about += figures["selection"] if "selection" in figures else []
    head = [
        rule,
        *textwrap.wrap(in_words.sentence(figures), 70),
        rule,
        f"{figures['model']} on {figures['corpus']}: protocol {figures['protocol']}, "
        f"folds {figures['folds']}, seeds {figures['seeds']}, {figures['n']} test clips",
        *(line for text in about for line in textwrap.wrap(text, 70)),
        *(line for text in figures["warnings"] for line in textwrap.wrap(f"WARNING: {text}", 70)),
        rule,
        f"Test UAR:      {_ratio(figures, 'uar')}   (95% {figures['interval_method']} over {over})",
        f"Test Accuracy: {_ratio(figures, 'accuracy')}",
        f"Macro-F1:      {figures['macro_f1']:7.2%}",
        f"ECE:           {figures['ece']:7.2%}, {figures['ece_calibrated']:.2%} "
        f"after temperature {figures['temperature']:.2f}",
        *terms.lines(("UAR", "ECE", "temperature")),
    ]
    members = [*tables.member_lines(figures), ""] if len(figures["members"]) > 1 else []
    members += [*tables.modality_ablation_lines(figures), ""] if "modality_ablation" in figures else []
    members += [*tables.enrolment_lines(figures), ""] if "enrolment" in figures else []
    members += [*tables.adaptation_lines(figures), ""] if "adaptation" in figures else []
    classes, confusions = tables.class_lines(figures), tables.confusion_lines(figures)
    diagnostics = ["", *(f"DIAGNOSTICS: {text}" for text in figures["diagnostics"])] if "diagnostics" in figures else []
    lines = [*head, "", *members, *classes, "", *confusions, *diagnostics, rule]
    return "\n".join(map(printable, lines))


def _title(figures: Mapping[str, Any]) -> str:
    return f"{figures['model']} on {figures['corpus']}, protocol {figures['protocol']}"


def _ratio(figures: Mapping[str, Any], name: str) -> str:
    low, high = figures[f"{name}_ci"]
    return f"{figures[name]:7.2%}   [{low:.1%}, {high:.1%}]"
