"""Takes runs under the protocol `enrolled` into docs/results/, and makes the tables and pictures of docs/enrolment.md.

python docs/results/enrolment.py NAME COMMIT RUN_WITH_CENTRE_SPEAKER RUN_WITH_CENTRE_CORPUS

NAME is that of the result, as ravdess or ravdess_pairs.

Without arguments only the tables are made again, from what is in docs/results/.
"""

import json
import pathlib
import re
import sys

from voxjax.reporting import enrolment_plot

HERE = pathlib.Path(__file__).resolve().parent
PAGE = HERE.parent / "enrolment.md"
COMMAND = (
    "voxjax crossval --config={config} --config.features.centre={centre} --protocol={protocol} --seeds=3 "
    "--config.corpus={corpus} --data_dir=DATA --encoder_weights=WEIGHTS --workdir=RUN"
)
HEAD = (
    "| known clips | accuracy | UAR | accuracy, labels known | centred by corpus: accuracy | labels known |",
    "|---|---|---|---|---|---|",
)


def take(name, commit, by_speaker, by_corpus):
    """Writes `enrolled_NAME.json` and the picture of the first run."""
    runs = {"speaker": pathlib.Path(by_speaker), "corpus": pathlib.Path(by_corpus)}
    figures = {centre: json.loads((run / "report/metrics.json").read_text()) for centre, run in runs.items()}
    first = figures["speaker"]
    kept = {key: first[key] for key in ("corpus", "protocol", "seeds", "voxjax", "jax", "python", "device")}
    result = {
        **kept,
        "commit": commit,
        "note": json.loads((runs["speaker"] / "report/enrolment.json").read_text())["note"],
        "centres": {
            centre: {
                "command": COMMAND.format(
                    config=one["model"], centre=centre, protocol=one["protocol"], corpus=one["corpus"]
                ),
                "rows": [{key: row[key] for key in row if key != "per_speaker"} for row in one["enrolment"]],
            }
            for centre, one in figures.items()
        },
    }
    (HERE / f"enrolled_{name}.json").write_text(json.dumps(result, indent=1) + "\n")
    picture = enrolment_plot.draw(first["enrolment"], f"{first['corpus']}, known clips without labels")
    (HERE / f"enrolled_{name}.png").write_bytes(picture)


def table(result):
    """The rows of one corpus as Markdown, with 95 % intervals over speakers."""
    pairs = zip(*(result["centres"][centre]["rows"] for centre in ("speaker", "corpus")), strict=True)
    return "\n".join([*HEAD, *(_line(*pair) for pair in pairs)])


def _line(own, plain):
    cells = [str(own["known"]), _with_ends(own, "accuracy"), _with_ends(own, "uar"), _labelled(own)]
    return "| " + " | ".join([*cells, f"{100 * plain['accuracy']:.1f}", _labelled(plain)]) + " |"


def _with_ends(row, name):
    low, high = row[f"{name}_ci"]
    return f"**{100 * row[name]:.1f}** ({100 * low:.1f} to {100 * high:.1f})"


def _labelled(row):
    return f"{100 * row['labelled']['accuracy']:.1f}" if row["known"] else "–"


def write_tables():
    """Puts the table of each result between its marks in docs/enrolment.md."""
    text = PAGE.read_text()
    for path in sorted(HERE.glob("enrolled_*.json")):
        name = path.stem
        marks = (f"<!-- table: {name} -->", f"<!-- end: {name} -->")
        made = f"{marks[0]}\n{table(json.loads(path.read_text()))}\n{marks[1]}"
        text = re.sub(f"{re.escape(marks[0])}.*?{re.escape(marks[1])}", lambda _, made=made: made, text, flags=re.S)
    PAGE.write_text(text)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        take(*sys.argv[1:])
    write_tables()
