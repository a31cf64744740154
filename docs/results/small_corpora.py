"""Measures which config suits a small corpus, and writes docs/results/small_corpora.json.

python docs/results/small_corpora.py DATA WEIGHTS FOLDER [CONFIG…]

With `none` as CONFIG, what lies in FOLDER is collected. The table of docs/tutorial.md is made again in any case.

Small corpora are drawn from RAVDESS: 40 or 100 clips of 4 labels, or 300 of 8. `chosen` holds draws of 6
among the 19 actors outside of the first fold of `speaker5`, by which the rule in `voxjax.pipeline.own_corpus` was
chosen; `confirmed` holds corpora of the 5 actors of that fold, which were measured once, afterwards. Each is tested by
leaving one speaker out. Runs that lie in FOLDER are not run again.
"""

import json
import pathlib
import sys

import numpy as np

from voxjax.cli import config_flag
from voxjax.experiments import crossval
from voxjax.pipeline.run_spec import Paths, resolve
from voxjax.storage.paths import cache_dir

HERE = pathlib.Path(__file__).resolve().parent
FOUR = {"01": "neutral", "03": "happy", "04": "sad", "05": "angry"}
LABELS = {40: FOUR, 100: FOUR, 300: FOUR | {"02": "calm", "06": "fearful", "07": "disgust", "08": "surprised"}}
CONFIRMED = (2, 5, 14, 15, 16)  # actors of the first fold of `speaker5`
CHOSEN = tuple(actor for actor in range(1, 25) if actor not in CONFIRMED)
SIZES = tuple(LABELS)
DRAWS = 3  # corpora of each size
CONFIGS = {  # and how many of the draws are measured: networks train for minutes each
    "discriminant": DRAWS,
    "whisper_discriminant": DRAWS,
    "baseline": 1,
    "optimized": 1,
}


def corpus(ravdess, folder, actors, size, seed):
    """Links to `size` clips of these actors as `folder/folder/LABEL/ACTOR/clip`, as even as can be."""
    random, labels = np.random.default_rng(seed), LABELS[size]
    left = {(actor, label): [] for label in labels for actor in actors}
    for actor in actors:
        for path in sorted((ravdess / f"Actor_{actor:02d}").iterdir()):
            if path.stem.split("-")[2] in labels:
                left[actor, path.stem.split("-")[2]].append(path)
    left = {key: [paths[i] for i in random.permutation(len(paths))] for key, paths in left.items()}
    count = 0
    while count < size and any(left.values()):
        for (actor, label), paths in left.items():
            if paths and count < size:
                path = paths.pop()
                link = folder / "folder" / labels[label] / f"Actor_{actor:02d}" / path.name
                link.parent.mkdir(parents=True, exist_ok=True)
                if not link.is_symlink():
                    link.symlink_to(path.resolve())
                count += 1


def actors_of(part, draw):
    """The speakers of one corpus."""
    if part == "confirmed":
        return CONFIRMED
    random = np.random.default_rng(draw)
    return sorted(int(a) for sex in (0, 1) for a in random.choice([a for a in CHOSEN if a % 2 == sex], 3, False))


def measured(config, data, workdir, weights):
    """`metrics.json` of one cross-validation by speaker."""
    report = workdir / "report/metrics.json"
    if not report.is_file():
        values = {"corpus": "folder", "protocol": "loso:clips", "member_execution": "map"}
        spec = resolve(config_flag.named(config, values), Paths(cache_dir(), data, weights_dir=weights))
        crossval.crossval(spec, crossval.CrossvalPlan(seeds=1, parallel_folds="1"), workdir, "new")
    return json.loads(report.read_text())


def run(ravdess, weights, folder, configs):
    """All runs; prints a line each."""
    for part in ("chosen", "confirmed"):
        for draw in range(DRAWS if part == "chosen" else 1):
            for size in SIZES:
                data = folder / f"{part}_{size}_{draw}"
                corpus(ravdess, data, actors_of(part, draw), size, [draw, size])
                for config in configs:
                    if draw < CONFIGS[config]:
                        got = measured(config, data, folder / "runs" / config / data.name, weights)
                        print(part, size, draw, config, got["n"], f"{got['uar']:.3f}", flush=True)


def collected(folder):
    """The rows of all runs in FOLDER: mean UAR and accuracy over the draws that all configs of a row have."""
    rows = []
    for part in ("chosen", "confirmed"):
        for size in SIZES:
            for config in CONFIGS:
                paths = sorted((folder / "runs" / config).glob(f"{part}_{size}_*/report/metrics.json"))
                runs = {int(path.parts[-3].rpartition("_")[2]): json.loads(path.read_text()) for path in paths}
                if runs:
                    rows.append(row(part, size, config, runs))
    return rows


def row(part, size, config, runs):
    """The mean of some draws, and each draw's UAR."""
    about = {"part": part, "clips": size, "config": config, "draws": sorted(runs)}
    means = {key: round(float(np.mean([one[key] for one in runs.values()])), 4) for key in ("uar", "accuracy")}
    each = {str(draw): round(runs[draw]["uar"], 4) for draw in sorted(runs)}
    return {**about, **means, "uar_of_each_draw": each}


def table(rows):
    """The rows as Markdown: UAR of each config by corpus."""
    kinds = sorted({(row["part"], row["clips"]) for row in rows})
    lines = ["| RAVDESS | " + " | ".join(f"`{name}`" for name in CONFIGS) + " |", "|---" * (len(CONFIGS) + 1) + "|"]
    for part, clips in kinds:
        speakers = {"chosen": "6 of 19 speakers, mean of the draws", "confirmed": "5 other speakers"}[part]
        found = {row["config"]: row for row in rows if (row["part"], row["clips"]) == (part, clips)}
        cells = [_cell(found[name]) if name in found else "–" for name in CONFIGS]
        lines.append(f"| {clips} clips, {len(LABELS[clips])} labels, {speakers} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _cell(one):
    draws = f" ({len(one['draws'])} draws)" if len(one["draws"]) > 1 else ""
    return f"{100 * one['uar']:.1f} %{draws}"


def write_table(rows):
    """Puts the table between its marks in docs/tutorial.md."""
    page, marks = HERE.parent / "tutorial.md", ("<!-- table: small_corpora -->", "<!-- end: small_corpora -->")
    before, rest = page.read_text().split(marks[0])
    page.write_text(f"{before}{marks[0]}\n{table(rows)}\n{marks[1]}{rest.split(marks[1])[1]}")


if __name__ == "__main__":
    data_dir, encoder_weights, where, *names = sys.argv[1:]
    where = pathlib.Path(where)
    if names != ["none"]:
        run(pathlib.Path(data_dir) / "ravdess", pathlib.Path(encoder_weights), where, names or list(CONFIGS))
    result = {
        "command": "voxjax crossval --config=CONFIG --protocol=loso:clips --config.corpus=folder --data_dir=DRAW",
        "corpora": "RAVDESS, 4 labels (300 clips: 8); 6 actors of 19 (chosen), or 5 others (confirmed)",
        "rows": collected(where),
    }
    (HERE / "small_corpora.json").write_text(json.dumps(result, indent=1) + "\n")
    write_table(result["rows"])
