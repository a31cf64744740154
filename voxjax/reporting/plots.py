"""Plots of a run: confusion matrix, learning curves, reliability and coverage."""

import io
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from voxjax.reporting import fonts

INK, MUTED, GRID = "#1c2733", "#66727f", "#e4e8ec"
BLUE, ORANGE, GREEN = "#2266c4", "#d9622b", "#1f8a5b"
_OVERCONFIDENT, _UNDERCONFIDENT = "#f3c3a8", "#9bd0b5"
_DPI = 150
_LONGEST_LABEL = 18  # characters
_TITLE_CHARACTERS_PER_INCH = 8.5
STYLE: Any = {
    "font.family": fonts.families(),
    "font.size": 10.5,
    "text.color": INK,
    "text.parse_math": False,  # a label may hold a dollar sign
    "axes.edgecolor": "#aab4be",
    "axes.labelcolor": INK,
    "axes.titlesize": 12,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "legend.frameon": False,
    "lines.linewidth": 2.0,
    "figure.facecolor": "white",
    "figure.constrained_layout.w_pad": 0.12,
    "figure.constrained_layout.h_pad": 0.12,
}


def png(figure: Figure) -> bytes:
    """A figure as the bytes of a PNG file."""
    buffer = io.BytesIO()
    with matplotlib.rc_context(STYLE):
        figure.savefig(buffer, format="png", dpi=_DPI, metadata={"Software": None})
    return buffer.getvalue()


def pixels(figure: Figure) -> np.ndarray:
    """A figure as uint8 RGB: `[height, width, 3]`."""
    canvas = FigureCanvasAgg(figure)
    with matplotlib.rc_context(STYLE):
        canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


@matplotlib.rc_context(STYLE)
def confusion(labels: Sequence[str], counts: np.ndarray, title: str = "Confusion matrix") -> Figure:
    """Confusion matrix: truth in rows, prediction in columns; each cell has its fraction of the row and its count.

    Args:
        labels: K names.
        counts: integer `[K, K]`.
        title: above the matrix.
    """
    counts = np.asarray(counts)
    total = counts.sum(1, keepdims=True)
    fraction = counts / np.maximum(total, 1)
    size = max(5.0, 2.2 + 0.82 * len(labels))
    figure = Figure(figsize=(size + 1.0, size), layout="constrained")
    axes = figure.add_subplot()
    image = axes.imshow(fraction, cmap="Blues", vmin=0, vmax=1)
    for (row, column), n in np.ndenumerate(counts):
        _cell(axes, row, column, fraction[row, column], int(n))
    names = [short(label) for label in labels]
    tall = [f"{name}\nn = {n}" for name, n in zip(names, total[:, 0], strict=True)]
    axes.set_xticks(range(len(labels)), names, rotation=35, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(labels)), tall)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    edges = np.arange(len(labels) + 1) - 0.5
    axes.hlines(edges, edges[0], edges[-1], color="white", linewidth=2)
    axes.vlines(edges, edges[0], edges[-1], color="white", linewidth=2)
    axes.set(xlabel="predicted", ylabel="truth", title=wrapped(title, size))
    bar = figure.colorbar(image, ax=axes, shrink=0.7, aspect=30, pad=0.02, format=percent_tick)
    bar.set_label("fraction of the true class")
    bar.outline.set_visible(False)
    return figure


@matplotlib.rc_context(STYLE)
def history(rows: Sequence[Mapping[str, Any]]) -> Figure:
    """Learning curves: losses and scores by epoch, with the kept epoch marked.

    Args:
        rows: one per epoch: `epoch`, and any of `train_loss`, `valid_loss`, `train_accuracy`,
            `valid_uar`, `valid_accuracy`. Several runs in one history are distinguished by `fold`,
            `seed` and `member`; each is then drawn thin, with their mean.
    """
    figure = Figure(figsize=(11, 4.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    runs = _runs(rows)
    _curves(left, runs, {"train_loss": ("training", ORANGE), "valid_loss": ("validation", BLUE)})
    left.set(title="Loss", ylabel="nats")
    scores = {
        "train_accuracy": ("training accuracy", ORANGE),
        "valid_accuracy": ("validation accuracy", "#8fb3e3"),
        "valid_uar": ("validation UAR", BLUE),
    }
    _curves(right, runs, scores)
    right.set(title="Scores", ylim=(0, 1.02))
    right.yaxis.set_major_formatter(percent_tick)
    _mark_kept(left, right, runs)
    for axes in (left, right):
        axes.grid(axis="y")
        axes.set_xlabel("epoch")
        axes.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
        if axes.get_legend_handles_labels()[0]:
            axes.legend(loc="best")
    return figure


@matplotlib.rc_context(STYLE)
def reliability(panels: Mapping[str, Mapping[str, np.ndarray]]) -> Figure:
    """Reliability diagrams: accuracy against confidence, above the number of clips in each bin; one panel per title.

    Args:
        panels: `metrics.reliability` by title, such as before and after the temperature.
    """
    figure = Figure(figsize=(5.2 * len(panels), 5.2), layout="constrained")
    grid = figure.subplots(2, len(panels), height_ratios=(4, 1), sharex=True, sharey="row", squeeze=False)
    for (title, bins), upper, lower in zip(panels.items(), *grid, strict=True):
        _reliability_panel(upper, lower, bins)
        upper.set_title(title)
        lower.set_xlabel("confidence")
    grid[0, 0].set_ylabel("accuracy")
    grid[1, 0].set_ylabel("clips")
    colors = {"accuracy": BLUE, "overconfident by": _OVERCONFIDENT, "underconfident by": _UNDERCONFIDENT}
    patches = [Patch(color=color, label=label) for label, color in colors.items()]
    grid[0, 0].legend(handles=patches, loc="upper left")
    return figure


@matplotlib.rc_context(STYLE)
def coverage(rows: Sequence[Mapping[str, float]]) -> Figure:
    """Accuracy when the least certain clips are rejected, from `metrics.coverage`."""
    figure = Figure(figsize=(6.4, 3.8), layout="constrained")
    axes = figure.add_subplot()
    coverage_values = np.array([row["coverage"] for row in rows])
    accuracy = np.array([row["accuracy"] for row in rows])
    axes.plot(coverage_values, accuracy, color=BLUE, marker="o", markersize=4)
    axes.axhline(accuracy[-1], color=MUTED, linewidth=1, linestyle="--")
    note = f"all clips answered: {accuracy[-1]:.1%}"
    axes.annotate(
        note,
        (1, accuracy[-1]),
        (0, -6),
        textcoords="offset points",
        ha="right",
        va="top",
        color=MUTED,
    )
    axes.set(xlabel="fraction of clips answered", ylabel="accuracy of the answers", xlim=(0, 1.02))
    axes.set_ylim(max(0.0, accuracy.min() - 0.12), 1.02)
    axes.xaxis.set_major_formatter(percent_tick)
    axes.yaxis.set_major_formatter(percent_tick)
    axes.grid()
    return figure


def _cell(axes: Axes, row: int, column: int, fraction: float, n: int) -> None:
    """The two lines of one cell. A cell without clips stays empty, so that errors are easy to find."""
    if n == 0:
        return
    color = "white" if fraction > 0.55 else INK
    weight = "bold" if row == column else "normal"
    style: dict[str, Any] = {"ha": "center", "color": color}
    axes.text(column, row - 0.03, f"{fraction:.0%}", va="bottom", fontsize=11, weight=weight, **style)
    axes.text(column, row + 0.06, f"{n}", va="top", fontsize=8.5, **style)


def _runs(rows: Sequence[Mapping[str, Any]]) -> list[list[Mapping[str, Any]]]:
    """The rows of each fold, seed and member, by epoch."""
    groups: dict[tuple[Any, ...], list[Mapping[str, Any]]] = {}
    for row in rows:
        key = tuple(row[name] for name in ("fold", "seed", "member") if name in row)
        groups.setdefault(key, []).append(row)
    return [sorted(group, key=lambda row: row["epoch"]) for group in groups.values()]


def _series(run: Sequence[Mapping[str, Any]], name: str) -> tuple[np.ndarray, np.ndarray]:
    """Epochs and finite values of one curve."""
    kept = [(row["epoch"], row[name]) for row in run if name in row and row[name] is not None]
    pairs = np.array(kept, float).reshape(-1, 2)
    pairs = pairs[np.isfinite(pairs[:, 1])]
    return pairs[:, 0], pairs[:, 1]


def _curves(axes: Axes, runs: Sequence[Sequence[Mapping[str, Any]]], names: Mapping[str, tuple[str, str]]) -> None:
    """Draws each curve in the history: one run as a strong line, several as thin lines with their mean."""
    for name, (label, color) in names.items():
        drawn = [pair for pair in (_series(run, name) for run in runs) if pair[0].size]
        if not drawn:
            continue
        if len(drawn) == 1:
            axes.plot(*drawn[0], color=color, label=label, marker=_marker(drawn[0][0]))
            continue
        for epochs, values in drawn:
            axes.plot(epochs, values, color=color, linewidth=0.8, alpha=0.35)
        epochs, index = np.unique(np.concatenate([pair[0] for pair in drawn]), return_inverse=True)
        total = np.bincount(index, np.concatenate([pair[1] for pair in drawn]))
        shared = np.bincount(index) == len(drawn)  # the mean would jump at the end of a run
        axes.plot(
            epochs[shared],
            total[shared] / len(drawn),
            color=color,
            label=f"{label}, mean of {len(drawn)}",
            marker=_marker(epochs),
        )


def _marker(epochs: np.ndarray) -> str | None:
    """The marker of a curve; a curve of one point needs one."""
    return "o" if epochs.size == 1 else None


def kept_epoch(run: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """The row whose weights were kept: marked `kept`, else the first of the best validation UAR."""
    scored = [row for row in run if "valid_uar" in row and np.isfinite(row["valid_uar"])]
    marked = [row for row in scored if "kept" in row and bool(row["kept"])]
    return max(marked or scored, key=lambda row: row["valid_uar"], default=None)


def _mark_kept(left: Axes, right: Axes, runs: Sequence[Sequence[Mapping[str, Any]]]) -> None:
    """Marks the kept epoch: by a line, or by one dot per run if there are several."""
    kept = [row for row in map(kept_epoch, runs) if row is not None]
    if len(kept) == 1:
        epoch, score = kept[0]["epoch"], kept[0]["valid_uar"]
        for axes in (left, right):
            axes.axvline(epoch, color=GREEN, linewidth=1.2, linestyle="--", zorder=1)
        label = f"kept: epoch {epoch:g}, UAR {score:.1%}"
        right.plot(epoch, score, "o", color=GREEN, markersize=7, zorder=5, label=label)
    elif kept:
        epochs, scores = zip(*((row["epoch"], row["valid_uar"]) for row in kept), strict=True)
        right.plot(epochs, scores, "o", color=GREEN, markersize=5, zorder=5, label="kept epochs")


def _reliability_panel(upper: Axes, lower: Axes, bins: Mapping[str, np.ndarray]) -> None:
    """Bars of accuracy, the gap to the mean confidence in colour, and a histogram below."""
    count = np.asarray(bins["count"])
    width = 1 / len(count)
    centre = (np.arange(len(count)) + 0.5) * width
    filled = count > 0
    accuracy, confidence = bins["accuracy"], bins["confidence"]
    upper.bar(centre, accuracy, 0.92 * width, color=BLUE)
    for color, top, bottom in (
        (_OVERCONFIDENT, confidence, accuracy),
        (_UNDERCONFIDENT, accuracy, confidence),
    ):
        gap = filled & (top > bottom)
        upper.bar(centre[gap], (top - bottom)[gap], 0.92 * width, bottom[gap], color=color)
    upper.plot([0, 1], [0, 1], color=INK, linewidth=1.2, linestyle="--")
    upper.set(xlim=(0, 1), ylim=(0, 1))
    upper.xaxis.set_major_formatter(percent_tick)
    upper.yaxis.set_major_formatter(percent_tick)
    lower.bar(centre, count, 0.92 * width, color="#9aa5b0")
    upper.grid(axis="y")
    lower.grid(axis="y")


def percent_tick(value: float, _: Any = None) -> str:
    """Label of a tick that is a fraction, such as "85%" or "82.5%": not rounded."""
    return f"{round(100 * value, 6):g}%"


def short(label: str) -> str:
    """A label in drawable characters, cut to fit the plot."""
    label = fonts.drawable(label)
    return label if len(label) <= _LONGEST_LABEL else label[: _LONGEST_LABEL - 1] + "…"


def wrapped(title: str, inches: float) -> str:
    """A title in drawable characters, in lines of at most this width."""
    return textwrap.fill(fonts.drawable(title), int(_TITLE_CHARACTERS_PER_INCH * inches))
