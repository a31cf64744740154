"""Takes finished runs into docs/results/ and makes guide.json, the tables and the picture from what is there.

python docs/results/collect.py [NAME=RUN_FOLDER …]

Each NAME.json is the run's report/metrics.json, with one number more: `train_seconds_quiet`, the number of epochs
times the lower quartile of their seconds, as other work on the same 2 cores slows single epochs down.
"""

import json
import pathlib
import sys

import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
README = HERE.parents[1] / "README.md"
DEVICES = HERE.parent / "many-devices.md"
RESULTS = HERE.parent / "results.md"
FUSION = HERE.parent / "fusion.md"
SHARING = HERE.parent / "sharing.md"
SOUND_FILES = HERE.parent / "sound-files.md"
EXPLAIN = HERE.parent / "explain.md"
EVALUATION = HERE.parent / "evaluation.md"
TIMELINE = HERE.parent / "timeline.md"

# The guide's five rows: title, config, its accuracy (or what it aims at), its minutes.
GUIDE = (
    ("Baseline", "baseline", "65.69 %", 5),
    ("Enhanced", "enhanced", "80.21 %", 15),
    ("Advanced", "advanced", "14.47 %", 25),
    ("Optimized", "optimized", "target 85 %", 20),
    ("Ensemble", "ensemble", "target 85 to 90 %", 90),
)
PROTOCOLS = ("random5", "speaker5", "guide")
GUIDE_HEAD = (
    "| model | the guide says | `random5`: UAR, accuracy | `speaker5`: UAR, accuracy | its leaky split | training |",
    "|---|---|---|---|---|---|",
)
RUNS_HEAD = ("| model | protocol | UAR | 95 % interval | accuracy | training |", "|---|---|---|---|---|---|")
SPEED_HEAD = (
    "| members | computed | figure | one program | one after the other | ratio |",
    "|---|---|---|---|---|---|",
)
PICTURE = {  # result: its label in the README's picture
    "baseline_speaker5": "Baseline",
    "enhanced_speaker5": "Enhanced",
    "optimized_speaker5": "Optimized",
    "ensemble_speaker5": "Ensemble",
    "whisper_statistics_speaker5": "Whisper tiny.en, statistics",
    "whisper_discriminant_base_speaker5": "Whisper base, discriminant",
}
FAITHFULNESS_ORDERS = {
    "occlusion": "raised most, by occlusion",
    "gradients": "raised most, by integrated gradients",
    "loudest": "the loudest",
    "random": "at random",
}
UNITS = {"s": "s", "ms": "ms", "mib": "MiB"}


def take(name, run):
    """Copies one run's figures."""
    figures = json.loads((run / "report/metrics.json").read_text())
    curve = run / "metrics.jsonl"
    if curve.is_file():  # a vote has none
        rows = [json.loads(line) for line in curve.read_text().splitlines()]
        figures["train_seconds_quiet"] = len(rows) * float(np.quantile([row["seconds"] for row in rows], 0.25))
    (HERE / f"{name}.json").write_text(json.dumps(figures, indent=1) + "\n")


def results():
    """All results of runs, by name."""
    found = {path.stem: json.loads(path.read_text()) for path in sorted(HERE.glob("*.json"))}
    return {name: figures for name, figures in found.items() if "uar" in figures}


def guide(found):
    """The rows of guide.json; a protocol that was not run is null."""
    rows = []
    for title, config, accuracy, minutes in GUIDE:
        row = {"model": title, "config": config, "said": {"accuracy": accuracy, "minutes": minutes}}
        for protocol in PROTOCOLS:
            names = [n for n, f in found.items() if (f["model"], f["protocol"], f["seeds"]) == (config, protocol, [0])]
            most = max(names, key=lambda name: found[name]["folds"], default=None)
            row[protocol] = brief(most, found[most]) if most else None
        rows.append(row)
    return rows


def brief(name, figures):
    """What guide.json holds of a run."""
    kept = {key: figures[key] for key in ("uar", "uar_ci", "accuracy", "accuracy_ci", "n", "commit", "command")}
    return {"result": name, **kept, "folds": sorted(map(int, figures["per_fold"])), "minutes": minutes(figures)}


def minutes(figures):
    """Of training, on a machine that does nothing else."""
    return figures["train_seconds_quiet" if "train_seconds_quiet" in figures else "train_seconds"] / 60


def time_text(taken):
    """Minutes in words, seconds below two."""
    return f"{60 * taken:.0f} s" if taken < 2 else f"{taken:.0f} min"


def guide_table(rows):
    """The guide's rows, its numbers beside ours."""
    lines = [*GUIDE_HEAD]
    for row in rows:
        cells = [row["model"], f"{row['said']['accuracy']} in {row['said']['minutes']} min"]
        cells += [both(row["random5"]), both(row["speaker5"])]
        cells.append("not run" if row["guide"] is None else f"{100 * row['guide']['accuracy']:.1f} %")
        cells.append("not run" if row["random5"] is None else time_text(row["random5"]["minutes"]))
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def both(one):
    """UAR and accuracy, and which folds they are of."""
    if one is None:
        return "not run"
    which = "all folds" if len(one["folds"]) > 1 else f"fold {one['folds'][0]}"
    return f"{100 * one['uar']:.1f} %, {100 * one['accuracy']:.1f} % ({which})"


def runs_table(found):
    """Every result, with its interval."""
    lines = [*RUNS_HEAD]
    for name, figures in found.items():
        low, high = (100 * end for end in figures["uar_ci"])
        folds = f"fold {next(iter(figures['per_fold']))}" if figures["folds"] == 1 else f"{figures['folds']} folds"
        seeds = "seed " + ", ".join(map(str, figures["seeds"]))
        made = any("synthetic" in warning for warning in figures["warnings"])
        where = f" on {figures['corpus']}, which is synthetic" if made else ""
        cells = [f"[{figures['model']}](results/{name}.json){where}", f"{figures['protocol']}, {folds}, {seeds}"]
        cells += [f"{100 * figures['uar']:.1f} %", f"{low:.1f} to {high:.1f}", f"{100 * figures['accuracy']:.1f} %"]
        lines.append("| " + " | ".join([*cells, time_text(minutes(figures))]) + " |")
    return lines


def commands(found):
    """For each result the line that makes it again, and the commit it was made at."""
    lines = []
    for name, figures in found.items():
        low, high = (100 * end for end in figures["uar_ci"])
        lines += [
            f"**[{name}](results/{name}.json)**:",
            f"UAR {100 * figures['uar']:.1f} % ({low:.1f} to {high:.1f}), accuracy {100 * figures['accuracy']:.1f} %,",
            f"{figures['n']} test clips, epoch chosen by {figures['chosen_by']};",
            f"commit `{figures['commit'][:12]}`",
            "",
            "```bash",
            figures["command"],
            "```",
            "",
        ]
    return lines[:-1]


def speed_table(figures):
    """One program against one after the other; `figures` are the lines of benchmark.py."""
    lines = list(SPEED_HEAD)
    for one in figures:
        what = f"{one['config']}, {one['members']} members" + (f" ({one['folds']} folds)" if one["folds"] > 1 else "")
        name, _, unit = one["figure"].rpartition("_")
        cells = [what, one["member_execution"], f"{name} ({UNITS[unit]})"]
        cells += [f"{one['one_program']:.0f}", f"{one['one_by_one']:.0f}", f"{one['ratio']:.2f}"]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def audio_warnings_table(rows):
    """How many clips of each set have the warning that is meant, and any."""
    lines = ["| clips | number | have the warning that is meant | have any |", "|---|---|---|---|"]
    for row in rows:
        n, meant = row["n"], row["meant"]
        right = f"{meant}: {100 * row['found'][meant] / n:.1f} %" if meant else "none is"
        lines.append(f"| {row['clips']} | {n:,} | {right} | {100 * row['any_warning'] / n:.1f} % |")
    return lines


def domain_table(figures):
    """What the check of unlike recordings notices; `figures` are the lines of `benchmark --suite=domain`."""
    head = "| recordings | answers | noticed | accuracy, ECE of all | accuracy, ECE of those not noticed |"
    lines = [head, "|---|---|---|---|---|"]
    for one in figures:
        cells = [one["kind"], f"{one['n']:,}", f"{100 * one['noticed']:.1f} %"]
        for part in ("all", "not_noticed"):
            cells.append(rates(one[part]) if part in one else "none" if "all" in one else "no labels")
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def timeline_table(figures):
    """Timelines of unseen speakers; `figures` are the lines of `benchmark --suite=timeline`."""
    lines = [
        "| recordings | reading | frame-level UAR | boundary F1 | change F1 | pauses answered |",
        "|---|---|---|---|---|---|",
    ]
    for one in figures:
        if one["suite"] == "timeline":
            low, high = (100 * end for end in one["uar_ci"])
            cells = [one["kind"], one["reading"], f"{100 * one['uar']:.1f} % ({low:.1f} to {high:.1f})"]
            cells += [f"{100 * one[key]:.1f} %" for key in ("boundary_f1", "change_f1", "pauses_answered")]
            lines.append("| " + " | ".join(cells) + " |")
    return lines


def timeline_choices_table(figures):
    """How windows and smoothing change timelines: one row for each cut and form of smoothing, all folds pooled."""
    lines = ["| windows | smoothing | shuffled: UAR, change F1 | runs: UAR, change F1 |", "|---|---|---|---|"]
    for one in figures:
        if one["suite"] == "timeline choices" and ("memory 0.3" not in one["smoothing"]):
            cells = [one["cut"], one["smoothing"]]
            cells += [
                f"{100 * one[kind]['uar']:.1f} %, {100 * one[kind]['change_f1']:.1f} %" for kind in ("shuffled", "runs")
            ]
            lines.append("| " + " | ".join(cells) + " |")
    return lines


def timeline_speed_table(figures):
    """Time and memory of timelines; `figures` are those of timeline_speed.py."""
    lines = ["| recording | clips | time | memory above the loaded model |", "|---|---|---|---|"]
    for one in figures["rows"]:
        cells = [
            f"{one['minutes']} min",
            f"{one['clips']:,}",
            f"{one['seconds']:.0f} s",
            f"{one['above_model_mb']:.0f} MB",
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def voice_activity_table(figures):
    """Frame errors of the detectors of voice activity; `figures` are those of voice_activity.py."""
    corpora = list(dict.fromkeys(row["corpus"] for row in figures["rows"]))
    pairs = [(corpus, detector) for corpus in corpora for detector in ("energy", "silero")]
    heads = [f"{detector}, {corpus}" for corpus, detector in pairs]
    lines = ["| noise | " + " | ".join(heads) + " |", "|---" * (1 + len(heads)) + "|"]
    known = {(row["noise"], row["corpus"], row["detector"]): row["error"] for row in figures["rows"]}
    for noise in dict.fromkeys(row["noise"] for row in figures["rows"]):
        cells = [noise, *(f"{100 * known[noise, *pair]:.1f} %" for pair in pairs)]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def rates(part):
    """Accuracy and ECE of some answers."""
    return f"{100 * part['accuracy']:.1f} %, {100 * part['ece']:.1f} % ({part['n']:,})"


def weights_format_table(figures):
    """Sizes and reading times of the shipped weights in two formats."""
    lines = ["| file | npz | safetensors |", "|---|---|---|"]
    for row in figures["files"]:
        cells = [f"{row[f'{kind}_bytes'] / 1e6:.2f} MB, {row[f'{kind}_ms']:.1f} ms" for kind in ("npz", "safetensors")]
        lines.append("| " + " | ".join([row["file"].removeprefix("checkpoints/"), *cells]) + " |")
    return lines


def sound_formats_table(figures):
    """Differences of answers to one recording in many formats, of each corpus."""
    corpora = figures["corpora"]
    lines = ["| format | " + " | ".join(f"{name}: mean, largest, same answers" for name in corpora) + " |"]
    lines.append("|---|" + "---|" * len(corpora))
    for rows in zip(*corpora.values(), strict=True):
        cells = [f"{row['mean']:.4f}, {row['max']:.2f}, {100 * row['same_answers']:.0f} %" for row in rows]
        lines.append("| " + " | ".join([rows[0]["format"], *cells]) + " |")
    return lines


def faithfulness_table(figures):
    """How far an answer's log-probability falls where patches are deleted in an order; from faithfulness.json."""
    shares = [figures["shares"].index(part) for part in (0.2, 0.5)]
    lines = [
        "| clips | deleted first | mean fall, nats | more than at random | more than the loudest | 20 % deleted "
        "| 50 % deleted |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in figures["rows"]:
        known = "known to the model" if row["known_to_the_model"] else "unseen"
        for order, found in row["orders"].items():
            cells = [f"{row['clips']} of {row['corpus']}, {known}", FAITHFULNESS_ORDERS[order]]
            cells.append(with_interval(found["fall"]))
            for other in ("random", "loudest"):
                cells.append("" if order == other else with_interval(found[f"more_than_{other}"]))
            cells += [f"{found['curve'][0] - found['curve'][i]:.2f}" for i in shares]
            lines.append("| " + " | ".join(cells) + " |")
    return lines


def with_interval(found):
    """A mean with its 95 % interval."""
    return f"{found['mean']:.2f} ({found['ci'][0]:.2f} to {found['ci'][1]:.2f})"


def modality_ablation_table(figures):
    """UAR of the same trained model with each subset of its modalities."""
    lines = ["| modalities | UAR | accuracy | clips |", "|---|---|---|---|"]
    for row in figures["modality_ablation"]:
        cells = [" + ".join(row["modalities"]), f"{100 * row['uar']:.1f} %", f"{100 * row['accuracy']:.1f} %"]
        lines.append("| " + " | ".join([*cells, str(row["n"])]) + " |")
    return lines


def picture_rows(found):
    """Label, UAR and its interval, in percent, of the runs in the picture."""
    rows = []
    for name, label in PICTURE.items():
        low, high = found[name]["uar_ci"]
        rows.append((label, 100 * found[name]["uar"], 100 * low, 100 * high))
    return rows


def draw(found):
    """Writes the README's picture."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "voxjax"
    from matplotlib import pyplot

    labels, uars, lows, highs = zip(*reversed(picture_rows(found)), strict=True)
    figure, axes = pyplot.subplots(figsize=(7.5, 2.8), layout="constrained")
    errors = [np.subtract(uars, lows), np.subtract(highs, uars)]
    bars = axes.barh(labels, uars, xerr=errors, color="#3b6ea5", ecolor="#222222", capsize=3, height=0.6)
    axes.bar_label(bars, [f"{uar:.1f} %" for uar in uars], label_type="center", color="white")
    axes.axvline(12.5, color="#888888", linestyle=":", label="chance")
    axes.set(xlim=(0, 100), xlabel="UAR on unseen speakers (speaker5), %, with 95 % interval")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, loc="lower right")
    figure.savefig(HERE / "speaker5.svg", metadata={"Date": None})


def put(text, name, lines):
    """The text with other lines between its markers of this name."""
    head, tail = f"<!-- table: {name} -->\n", f"<!-- end: {name} -->"
    before, rest = text.split(head)
    return before + head + "\n".join(lines) + "\n" + tail + rest.split(tail)[1]


def main(arguments):
    for argument in arguments:
        name, _, run = argument.partition("=")
        take(name, pathlib.Path(run))
    found = results()
    rows = guide(found)
    (HERE / "guide.json").write_text(json.dumps({"rows": rows}, indent=1) + "\n")
    README.write_text(put(README.read_text(), "guide", guide_table(rows)))
    text = put(RESULTS.read_text(), "runs", runs_table(found))
    RESULTS.write_text(put(text, "commands", commands(found)))
    draw(found)
    speed = json.loads((HERE / "benchmark_ensemble.json").read_text())
    DEVICES.write_text(put(DEVICES.read_text(), "speed", speed_table(speed)))
    domain = json.loads((HERE / "domain_shift.json").read_text())
    EVALUATION.write_text(put(EVALUATION.read_text(), "domain", domain_table(domain)))
    timeline = json.loads((HERE / "timeline.json").read_text())
    text = put(EVALUATION.read_text(), "timeline", timeline_table(timeline))
    EVALUATION.write_text(put(text, "timeline_choices", timeline_choices_table(timeline)))
    spent = json.loads((HERE / "timeline_speed.json").read_text())
    text = put(TIMELINE.read_text(), "timeline_speed", timeline_speed_table(spent))
    activity = json.loads((HERE / "voice_activity.json").read_text())
    TIMELINE.write_text(put(text, "voice_activity", voice_activity_table(activity)))
    weights = json.loads((HERE / "weights_format.json").read_text())
    SHARING.write_text(put(SHARING.read_text(), "weights_format", weights_format_table(weights)))
    formats = json.loads((HERE / "sound_formats.json").read_text())
    SOUND_FILES.write_text(put(SOUND_FILES.read_text(), "sound_formats", sound_formats_table(formats)))
    faithfulness = json.loads((HERE / "faithfulness.json").read_text())
    EXPLAIN.write_text(put(EXPLAIN.read_text(), "faithfulness", faithfulness_table(faithfulness)))
    FUSION.write_text(put(FUSION.read_text(), "modality_ablation", modality_ablation_table(found["fusion_demo_modal"])))


if __name__ == "__main__":
    main(sys.argv[1:])
