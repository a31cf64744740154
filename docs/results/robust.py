"""Figures of the default model's config: by corpus, under corruptions, and across corpora. Writes robust_default.json.

python docs/results/robust.py RUN ROWS EMODB ADAPTED docs/results/robust_default.json

RUN is the folder of

    voxjax crossval --config=whisper_robust --protocol=speaker5 --config.corpus=ravdess+emodb …

and ROWS a folder with `0`, `1` and so on, one for each fold K that was tested: what
`voxjax evaluate --robustness --corpus=ravdess` left of a model of
`voxjax train --config=whisper_robust --config.protocol=speaker5 --config.fold=K` of the same corpora.
EMODB and ADAPTED are of `voxjax evaluate --corpus=emodb --labels=shared`, the second with `--adapt=corpus`, with one
model of `voxjax train --config=whisper_robust --config.protocol=all --config.corpus=ravdess`, so of RAVDESS alone.
"""

import csv
import json
import pathlib
import sys
from typing import Any

import numpy as np

KEPT = ("n", "uar", "uar_ci", "accuracy", "accuracy_ci", "ece", "per_gender")
ACROSS = ("n", "uar", "uar_ci", "accuracy", "accuracy_ci", "ece_calibrated", "per_class", "interval_over")
Figures = dict[str, Any]


def report(folder: pathlib.Path) -> Figures:
    """The figures of a run."""
    return json.loads((folder / "report/metrics.json").read_text())


def by_corpus(run: pathlib.Path) -> list[Figures]:
    """Figures of each corpus's clips among the test clips of a run on several."""
    from voxjax.metrics import classification

    figures = report(run)
    with (run / "report/predictions.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    corpus_of = {row["speaker"]: row["speaker"].partition("/")[0] for row in rows}
    made = []
    for corpus in figures["corpus"].split("+"):
        own = [row for row in rows if corpus_of[row["speaker"]] == corpus]
        truth = np.array([figures["labels"].index(row["truth"]) for row in own])
        answers = np.array([[float(row[label]) for label in figures["labels"]] for row in own])
        speakers = [row["speaker"] for row in own]
        genders = [figures["genders"][speaker] for speaker in speakers]
        found = classification.summarize(truth, answers, figures["labels"], speakers, genders, speakers)
        made.append({"corpus": corpus, **{key: found[key] for key in KEPT}})
    return made


def corrupted(folder: pathlib.Path) -> list[Figures]:
    """Means over the tested folds of UAR, and of what a corruption costs."""
    folds = [json.loads((place / "report/robustness.json").read_text()) for place in tested(folder)]
    return [
        {
            "kind": rows[0]["kind"],
            "strength": rows[0]["strength"],
            **{key: float(np.mean([row[key] for row in rows])) for key in ("uar", "uar_drop", "accuracy")},
            "n": sum(row["n"] for row in rows),
        }
        for rows in zip(*folds, strict=True)
    ]


def tested(folder: pathlib.Path) -> list[pathlib.Path]:
    """The folder of each tested fold."""
    return sorted(place for place in folder.iterdir() if (place / "report/robustness.json").is_file())


def table(found: Figures) -> list[str]:
    """The table of corruptions as Markdown, and the mean of what they cost."""
    lines = ["| recordings | UAR | lost |", "|---|---|---|"]
    for row in found["corruptions"]:
        lines.append(f"| {row['kind']}, {row['strength']} | {100 * row['uar']:.1f} % | {100 * row['uar_drop']:.1f} |")
    return [*lines, f"| mean of all corruptions | | **{100 * mean_drop(found):.1f}** |"]


def mean_drop(found: Figures) -> float:
    """Of all corruptions, as recorded not among them."""
    return float(np.mean([row["uar_drop"] for row in found["corruptions"] if row["kind"] != "none"]))


def corpora_table(found: Figures) -> list[str]:
    """The figures of each corpus as Markdown."""
    lines = ["| test clips | UAR | accuracy | ECE | men, women |", "|---|---|---|---|---|"]
    for row in found["corpora"]:
        name = {"ravdess": "RAVDESS", "emodb": "EmoDB"}[row["corpus"]]
        genders = ", ".join(f"{100 * row['per_gender'][gender]:.1f}" for gender in ("male", "female"))
        lines.append(
            f"| {name}, {row['n']:,} of unseen speakers | {ends(row, 'uar')} | {ends(row, 'accuracy')} |"
            f" {100 * row['ece']:.1f} % | {genders} % |"
        )
    for name, title in (("across", "EmoDB, trained on RAVDESS alone"), ("adapted", "the same, `--adapt=corpus`")):
        row = found[name]
        lines.append(
            f"| {title} | {ends(row, 'uar')} | {ends(row, 'accuracy')} | {100 * row['ece_calibrated']:.1f} % | |"
        )
    return lines


def ends(row: Figures, key: str) -> str:
    """A figure with its interval."""
    low, high = (100 * end for end in row[f"{key}_ci"])
    return f"{100 * row[key]:.1f} % ({low:.1f} to {high:.1f})"


def main() -> None:
    run, rows, emodb, adapted, out = map(pathlib.Path, sys.argv[1:])
    figures = report(run)
    kept = {key: figures[key] for key in ("commit", "voxjax", "jax", "python", "device", "seeds") if key in figures}
    across = {name: report(folder) for name, folder in (("across", emodb), ("adapted", adapted))}
    found = {
        **kept,
        "command": "python docs/results/robust.py RUN ROWS EMODB ADAPTED docs/results/robust_default.json",
        "corpora": by_corpus(run),
        "corrupted_folds": [int(place.name) for place in tested(rows)],
        "corruptions": corrupted(rows),
        **{name: {key: one[key] for key in ACROSS} for name, one in across.items()},
    }
    out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print("\n".join([*corpora_table(found), "", *table(found)]))


if __name__ == "__main__":
    main()
