"""Models on EmoDB as they are, adapted to the corpus and to its speakers: writes adapted_emodb.json.

`python docs/results/adaptation.py DATA MODEL` evaluates the shipped network and MODEL, of
`voxjax train --config=whisper_robust --config.protocol=all --config.corpus=ravdess`; `table` is that of
docs/enrolment.md. The shipped `whisper_robust` was trained on EmoDB, too.
"""

import json
import pathlib
import sys
import tempfile
from typing import Any

HERE = pathlib.Path(__file__).resolve().parent
MODELS = {"`whisper_statistics`": "whisper_statistics", "`whisper_robust` of RAVDESS alone": "whisper_robust"}
CHOICES = {"as they are": None, "adapted to speakers": "speaker", "adapted to the corpus": "corpus"}
KEPT = ("protocol", "n", "uar", "uar_ci", "accuracy", "ece_calibrated", "interval_over")


def measured(data_dir: pathlib.Path, robust: pathlib.Path) -> list[dict[str, Any]]:
    """The figures of each model under each choice, among the labels that model and corpus share."""
    from voxjax.experiments import evaluate
    from voxjax.storage import paths

    rows = []
    folders = {"whisper_statistics": HERE.parents[1] / "checkpoints/whisper_statistics", "whisper_robust": robust}
    for model in MODELS.values():
        for adapt in CHOICES.values():
            with tempfile.TemporaryDirectory() as folder:
                places = (folders[model], "emodb", data_dir, pathlib.Path(folder))
                request = evaluate.Request(*places, paths.cache_dir(), labels="shared", adapt=adapt)
                figures = evaluate.evaluate(request)
            outside = figures["domain"]["outside"]
            rows.append({"model": model, "adapt": adapt, **{key: figures[key] for key in KEPT}, "outside": outside})
    return rows


def table(rows: list[dict[str, Any]]) -> str:
    """One row for each model and choice."""
    lines = ["| model | | UAR | accuracy | ECE | unlike training |", "|---|---|---|---|---|---|"]
    names = {model: name for name, model in MODELS.items()}
    choices = {adapt: name for name, adapt in CHOICES.items()}
    for row in rows:
        low, high = (100 * end for end in row["uar_ci"])
        uar = f"**{100 * row['uar']:.1f}** ({low:.1f} to {high:.1f})"
        cells = (f"{100 * row[key]:.1f}" for key in ("accuracy", "ece_calibrated"))
        lines.append(
            f"| {names[row['model']]} | {choices[row['adapt']]} | {uar} | {' | '.join(cells)} | {row['outside']:.0%} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    found = measured(*map(pathlib.Path, sys.argv[1:]))
    (HERE / "adapted_emodb.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(table(found))
