"""Makes the pictures of docs/protocols.md, docs/uar.md and docs/calibration.md from figures in docs/results.

python docs/pictures/explanations.py docs/pictures
"""

import json
import sys
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("agg")
from matplotlib import pyplot as plt

RESULTS = Path(__file__).resolve().parents[1] / "results"
BLUE, ORANGE, GREY = "#1f5fbf", "#d95f02", "#666666"
PROTOCOLS = (
    ("optimized_guide", "copies of test clips\nin training (leak)"),
    ("optimized_random5", "other clips of\nthe same people"),
    ("optimized_speaker5", "people who were\nnever trained on"),
)


def result(name: str) -> Any:
    """The figures of a run."""
    return json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))


def leak(out: Path) -> None:
    """Accuracy of one network under three protocols, with 95 % intervals."""
    figure, axes = plt.subplots(figsize=(7, 3.4), layout="constrained")
    for i, (name, _) in enumerate(PROTOCOLS):
        found = result(name)
        low, high = (100 * end for end in found["accuracy_ci"])
        value = 100 * found["accuracy"]
        error = [[value - low], [high - value]]
        axes.bar(i, value, 0.6, color=ORANGE if i == 0 else BLUE, yerr=error, capsize=6)
        axes.text(i, 4, f"{value:.1f} %", ha="center", color="white", weight="bold")
    axes.axhline(12.5, color=GREY, linestyle="--", linewidth=1)
    axes.text(2.4, 15, "guessing", color=GREY)
    axes.set_xticks(range(3), [title for _, title in PROTOCOLS])
    axes.set(xlim=(-0.5, 3), ylim=(0, 100), ylabel="accuracy (%)")
    finish(figure, out / "leak.png")


def uar(out: Path) -> None:
    """Accuracy and UAR of a model that always gives the most frequent label."""
    figure, axes = plt.subplots(1, 2, figsize=(7, 3), layout="constrained")
    counts = {"neutral": 80, "angry": 15, "sad": 5}
    axes[0].bar(list(counts), list(counts.values()), 0.6, color=[BLUE, GREY, GREY])
    axes[0].set(ylabel="test clips", title="100 clips, all answered “neutral”")
    hits = [100.0, 0.0, 0.0]
    axes[1].bar(list(counts), hits, 0.6, color=BLUE)
    mean = sum(hits) / len(hits)
    axes[1].axhline(80, color=ORANGE, linestyle="--")
    axes[1].axhline(mean, color=BLUE)
    axes[1].text(2.4, 82, "accuracy 80 %", color=ORANGE, ha="right")
    axes[1].text(2.4, mean + 2, f"UAR {mean:.0f} %", color=BLUE, ha="right")
    axes[1].set(ylabel="recall (%)", ylim=(0, 105), title="how many of each are right")
    finish(figure, out / "uar.png")


def coverage(out: Path) -> None:
    """Accuracy when only the most certain answers are taken."""
    rows = result("whisper_discriminant_speaker5")["coverage"]
    figure, axes = plt.subplots(figsize=(7, 3.2), layout="constrained")
    axes.plot([100 * row["coverage"] for row in rows], [100 * row["accuracy"] for row in rows], color=BLUE, marker="o")
    axes.set(xlabel="answers taken, most certain first (%)", ylabel="of these right (%)", xlim=(0, 102), ylim=(70, 101))
    axes.grid(alpha=0.3)
    finish(figure, out / "coverage.png")


def finish(figure: Any, path: Path) -> None:
    """Writes a picture, without a date in it."""
    for axes in figure.axes:
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=120, metadata={"Software": None})
    plt.close(figure)


if __name__ == "__main__":
    for draw in (leak, uar, coverage):
        draw(Path(sys.argv[1]))
