"""The tables of docs/performance.md, from the lines that `voxjax benchmark` has printed.

voxjax benchmark --suite=step --peers=keras,torch,torch_compile > docs/results/performance/step.jsonl
python docs/results/performance.py

Each suite's lines lie in docs/results/performance/SUITE.jsonl.
"""

import json
import pathlib
import runpy

HERE = pathlib.Path(__file__).resolve().parent
PAGE = HERE.parent / "performance.md"
NAMES = {
    "voxjax": "VoxJAX",
    "keras": "Keras on TensorFlow",
    "torch": "PyTorch",
    "torch_compile": "PyTorch, `torch.compile`",
    "librosa": "librosa in two processes",
}
STARTS = {
    "first_step_cold": "first training step, cold",
    "first_step_warm": "first training step, warm",
    "help_warm": "`voxjax predict --help`",
    "predict_cold": "first answer of `voxjax predict`, cold",
    "predict_warm": "first answer of `voxjax predict`, warm",
}


def lines_of(suite):
    """The figures of a suite, in the order in which they were printed."""
    return [json.loads(line) for line in (HERE / "performance" / f"{suite}.jsonl").read_text().splitlines()]


def row(cells):
    return "| " + " | ".join(cells) + " |"


def step_table(figures):
    table = [row(["who", "to the first result", "median", "minimum", "VoxJAX's median relative to it"])]
    table.append("|---|---|---|---|---|")
    for one in figures:
        times = (f"{one['first_s']:.1f} s", f"{one['median_ms']:.0f} ms", f"{one['min_ms']:.0f} ms")
        table.append(row([NAMES[one["who"]], *times, f"{one['ratio']:.2f}"]))
    return table


def features_table(figures):
    table = [row(["features", "who", "median", "minimum", "speed relative to librosa"]), "|---|---|---|---|---|"]
    slow = {one["figure"]: one["median_ms"] for one in figures if one["who"] == "librosa"}
    for one in figures:
        kind, relative = one["figure"].removesuffix("_ms"), slow[one["figure"]] / one["median_ms"]
        times = (f"{one['median_ms']:.0f} ms", f"{one['min_ms']:.0f} ms")
        table.append(row([f"`{kind}`", NAMES[one["who"]], *times, f"{relative:.1f}"]))
    return table


def start_table(figures):
    table = [row(["what", "time", "of it processors", "memory"]), "|---|---|---|---|"]
    known = {one["figure"]: one for one in figures}
    for name, text in STARTS.items():
        one = known[name]
        processors = f"{one['cpu_s']:.1f} s" if "cpu_s" in one else "–"
        memory = f"{one['memory_mib']:.0f} MiB" if "memory_mib" in one else "–"
        table.append(row([text, f"{one['wall_s']:.1f} s", processors, memory]))
    return table


def predict_table(figures):
    table = [row(["what", "sound", "time", "times real time", "memory"]), "|---|---|---|---|---|"]
    for one in figures:
        what = "a folder of clips of 3 s" if one["figure"] == "folder" else "one recording"
        cells = (f"{one['sound_s'] / 60:.1f} min", f"{one['wall_s']:.1f} s", f"{one['times_real_time']:.0f}")
        table.append(row([what, *cells, f"{one['memory_mib']:.0f} MiB"]))
    return table


def scale_table(figures):
    table = [row(["over", "number", "compiled after", "step", "memory of the process", "slope"])]
    table.append("|---|---|---|---|---|---|")
    for one in figures:
        slope = "–" if one["slope"] is None else f"{one['slope']:.2f}"
        cells = (f"{one['count']}", f"{one['first_s']:.0f} s", f"{one['median_ms']:.0f} ms")
        table.append(row([one["figure"], *cells, f"{one['memory_mib']:.0f} MiB", slope]))
    return table


TABLES = {
    "step": step_table,
    "features": features_table,
    "start": start_table,
    "predict": predict_table,
    "scale": scale_table,
}


def main():
    """Writes the tables into the page."""
    put = runpy.run_path(str(HERE / "collect.py"))["put"]
    text = PAGE.read_text()
    for suite, table in TABLES.items():
        text = put(text, f"performance_{suite}", table(lines_of(suite)))
    PAGE.write_text(text)


if __name__ == "__main__":
    main()
