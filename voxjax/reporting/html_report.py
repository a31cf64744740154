"""`report.html`: one page that holds the whole report and asks nothing of the net."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from voxjax.config_schema import dotted
from voxjax.reporting.html_components import (
    bar,
    beside,
    count,
    definitions,
    listed,
    page,
    percent,
    picture,
    section,
    table,
)

_PROTOCOLS = {
    "random5": "stratified 5-fold over files; the same speakers are on both sides",
    "speaker5": "five folds of speakers; no test speaker was heard in training",
    "speaker6": "six folds of speakers; no test speaker was heard in training",
    "all": "every clip was learnt from but the validation side, of which these figures are",
    "speaker_statement": "neither the test speakers nor their sentences were heard in training",
    "corpus": "trained on some corpora, tested on another",
    "guide": "copies made first, then split at random: leaks, and measures nothing",
}
_CAPTIONS = {
    "confusion": "Each cell holds its share of the true class and its count.",
    "history": "Training figures are taken under augmentation and regularisation, so they may look "
    "worse than validation. The kept epoch is the one whose weights are tested.",
    "reliability": "Confidence against accuracy on the test clips. The temperature was chosen on validation clips.",
    "coverage": "Accuracy when only the most certain clips are answered.",
}
_SHORT_LIST = 8  # rows


def render(
    figures: Mapping[str, Any],
    pictures: Mapping[str, bytes],
    config: Mapping[str, Any],
    notes: Sequence[str] = (),
) -> str:
    """The page as text. Every string is escaped.

    Args:
        figures: the content of `metrics.json`.
        pictures: PNG files by name: confusion, history, reliability, coverage.
            Without a history, its section is left out.
        config: every value of the run, nested.
        notes: paragraphs of plain text.
    """
    title = f"{figures['model']} on {figures['corpus']}, protocol {figures['protocol']}"
    sections = [
        section("How these figures were obtained", _facts(figures)),
        section("Classes", _classes(figures), _drawn(pictures, "confusion")),
        section("Training", _drawn(pictures, "history"), _advice(figures)) if "history" in pictures else "",
        section("Confidence", _drawn(pictures, "reliability")),
        section(
            "Answering only when certain",
            beside("wide", _drawn(pictures, "coverage"), _coverage(figures)),
            _rejected(figures),
        ),
        section("Speakers", _groups(figures, "gender"), _groups(figures, "speaker")),
        section("Folds", _folds(figures)) if len(figures["per_fold"]) > 1 else "",
        section("Members", _members(figures)) if len(figures["members"]) > 1 else "",
        section("Modalities", _subsets(figures)) if "modality_ablation" in figures else "",
        section("Notes", *(f"<p>{escape(note)}</p>" for note in notes)) if notes else "",
        section("Configuration", _config(config)),
        section("Made by", _provenance(figures)),
    ]
    banners = "".join(f'<p class="warning">{escape(text)}</p>' for text in figures["warnings"])
    body = f"<header><h1>{escape(title)}</h1>{banners}{_headline(figures)}</header>" + "".join(sections)
    return page(title, body)


def _headline(figures: Mapping[str, Any]) -> str:
    """UAR first and largest, then the other figures."""
    small = {
        "Accuracy": (percent(figures["accuracy"]), _interval(figures["accuracy_ci"])),
        "Macro-F1": (percent(figures["macro_f1"]), "mean over classes"),
        "Calibration error": (
            percent(figures["ece_calibrated"]),
            f"{percent(figures['ece'])} before temperature {figures['temperature']:.2f}",
        ),
    }
    chance = 1 / sum(row["n"] > 0 for row in figures["per_class"].values())
    low, high = figures["uar_ci"]
    scale = (
        f'<div class="scale"><i class="range" style="left:{low:.2%};width:{high - low:.2%}"></i>'
        f'<i class="chance" style="left:{chance:.2%}"></i>'
        f'<i class="point" style="left:{figures["uar"]:.2%}"></i></div>'
    )
    lead = (
        '<div class="card lead"><b>Unweighted average recall (UAR)</b>'
        f"<strong>{percent(figures['uar'])}</strong>{scale}"
        f"<small>{_interval(figures['uar_ci'])}, "
        f"bootstrap over {escape(figures['interval_over'])}; "
        f"chance {percent(chance)}</small></div>"
    )
    cards = "".join(
        f'<div class="card"><b>{name}</b><strong>{value}</strong><small>{below}</small></div>'
        for name, (value, below) in small.items()
    )
    return f'<div class="cards">{lead}{cards}</div>'


def _facts(figures: Mapping[str, Any]) -> str:
    protocol = figures["protocol"]
    meaning = f": {_PROTOCOLS[protocol]}" if protocol in _PROTOCOLS else ""
    facts = {
        "Protocol": protocol + meaning,
        "Corpus": figures["corpus"],
        "Test clips": f"{figures['n']:,} by {count(len(figures['per_speaker']), 'speaker')}",
        "Folds, seeds": f"{count(figures['folds'], 'fold')}, seeds {listed(figures['seeds'])}",
        "Epoch chosen by": figures["chosen_by"],
        "Intervals": f"95%, bootstrap over {figures['interval_over']}",
        "Parameters": f"{figures['parameters']:,}",
        "Training time": _duration(figures["train_seconds"]),
    }
    return definitions(facts)


def _drawn(pictures: Mapping[str, bytes], name: str) -> str:
    return picture(pictures[name], name, _CAPTIONS[name])


def _classes(figures: Mapping[str, Any]) -> str:
    rows = [
        [escape(label), *(bar(row[name]) for name in ("recall", "precision", "f1")), str(row["n"])]
        for label, row in figures["per_class"].items()
    ]
    return table(("class", "recall", "precision", "F1", "clips"), rows)


def _groups(figures: Mapping[str, Any], kind: str) -> str:
    """UAR within each gender or speaker; a long list stands in two columns."""
    counts = figures[f"{kind}_n"]
    rows = [[escape(name), bar(value), str(counts[name])] for name, value in figures[f"per_{kind}"].items()]
    if not rows:
        return ""
    heads, half = (kind, "UAR", "clips"), -(-len(rows) // 2)
    if len(rows) <= _SHORT_LIST:
        return table(heads, rows)
    return beside("halves", table(heads, rows[:half]), table(heads, rows[half:]))


def _folds(figures: Mapping[str, Any]) -> str:
    rows = [
        [escape(name), bar(fold["uar"]), bar(fold["accuracy"]), str(fold["n"])]
        for name, fold in figures["per_fold"].items()
    ]
    return table(("fold", "UAR", "accuracy", "clips"), rows)


def _members(figures: Mapping[str, Any]) -> str:
    """Each member by itself, and beneath them the vote and how much they differ."""
    rows = []
    for i, member in enumerate(figures["members"]):
        name = member["name"] if "name" in member else f"{member['architecture']} {i + 1}"
        known = [bar(member[key]) if key in member else "&ndash;" for key in ("uar", "accuracy", "valid_uar")]
        weight = f"{member['weight']:.2f}" if "weight" in member else "&ndash;"
        rows.append([escape(name), *known, weight, escape(member["status"]) if "status" in member else ""])
    if "vote" in figures:
        vote = figures["vote"]
        rows.append(["<b>vote</b>", bar(vote["uar"]), bar(vote["accuracy"]), "", "", f"{vote['weights']} weights"])
    shown = table(("member", "UAR", "accuracy", "validation UAR", "weight", ""), rows)
    return shown + (_diversity(figures["diversity"]) if "diversity" in figures else "")


def _subsets(figures: Mapping[str, Any]) -> str:
    """What the model is worth when it is shown only some of its modalities."""
    rows = [
        [escape(" + ".join(row["modalities"])), bar(row["uar"]), bar(row["accuracy"]), str(row["n"])]
        for row in figures["modality_ablation"]
    ]
    said = "The same trained model, shown only these of each test clip; clips that have none of them are left out."
    return f"<p>{said}</p>" + table(("shown", "UAR", "accuracy", "clips"), rows)


def _diversity(found: Mapping[str, Any]) -> str:
    correlation = found["error_correlation"]
    said = "" if correlation is None else f"; their errors correlate by {correlation:.2f}"
    return f"<p>Two members differ on {percent(found['disagreement'])} of the clips{said}.</p>"


def _advice(figures: Mapping[str, Any]) -> str:
    """What the curves say, beneath them."""
    said = figures["diagnostics"] if "diagnostics" in figures else []
    return f"<ul>{''.join(f'<li>{escape(text)}</li>' for text in said)}</ul>" if said else ""


def _coverage(figures: Mapping[str, Any]) -> str:
    rows = [
        [f"{row['coverage']:.0%}", percent(row["accuracy"]), percent(row["confidence"])]
        for row in figures["coverage"][1::2]
    ]
    return table(("answered", "accuracy", "least confidence"), rows)


def _rejected(figures: Mapping[str, Any]) -> str:
    """How far thresholds that were chosen on validation clips hold on test clips."""
    if "reject" not in figures:
        return ""
    rows = [
        [
            percent(row["target"]),
            "none reaches it" if row["threshold"] is None else f"{row['threshold']:.2f}",
            percent(row["coverage"]),
            "&ndash;" if row["accuracy"] is None else f"{percent(row['accuracy'])} of {row['n']}",
        ]
        for row in figures["reject"]
    ]
    said = "Thresholds chosen on validation clips so that this share of the answers is right, and what they give here:"
    return f"<p>{said}</p>" + table(("share to be right", "confidence", "answered", "right"), rows)


def _config(config: Mapping[str, Any]) -> str:
    return definitions({key: listed(value) for key, value in dotted(config).items()}, "config")


def _provenance(figures: Mapping[str, Any]) -> str:
    names = ("voxjax", "jax", "python", "device", "command", "commit")
    return definitions({name: figures[name] for name in names if name in figures}, "config")


def _interval(ends: Sequence[float]) -> str:
    return f"95% interval {percent(ends[0])} to {percent(ends[1])}"


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return "not measured"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min {rest} s"
