"""Plots of a corpus: durations, levels and a typical clip of each label."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from voxjax.reporting import plots

_COLUMNS = 4  # of spectrograms
_MAX_SPECTROGRAMS = 16  # further labels are left out
_HISTOGRAM_BINS = 30


@matplotlib.rc_context(plots.STYLE)
def durations(by_label: Mapping[str, Sequence[float]]) -> bytes:
    """A PNG: histogram of all durations in seconds, and a box plot for each label."""
    figure = Figure(figsize=(11, max(3.2, 0.36 * len(by_label) + 1.2)), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(5, 6))
    left.hist(
        np.concatenate([np.asarray(values, float) for values in by_label.values()]), _HISTOGRAM_BINS, color=plots.BLUE
    )
    left.set(title="Durations", xlabel="seconds", ylabel="clips")
    left.grid(axis="y")
    _boxes(right, by_label)
    right.set(title="by label", xlabel="seconds")
    return plots.png(figure)


@matplotlib.rc_context(plots.STYLE)
def levels(by_label: Mapping[str, Sequence[float]]) -> bytes:
    """A PNG: box plots of the levels of each label, in dB relative to full scale."""
    figure = Figure(figsize=(8, max(3.0, 0.36 * len(by_label) + 1.2)), layout="constrained")
    axes = figure.add_subplot()
    _boxes(axes, by_label)
    axes.set(title="Levels by label", xlabel="dB of full scale")
    return plots.png(figure)


@matplotlib.rc_context(plots.STYLE)
def spectrograms(typical: Mapping[str, np.ndarray], hop_s: float, high_hz: float) -> bytes:
    """A PNG: one log-mel spectrogram per label, on a common colour scale.

    Args:
        typical: dB, `[frames, mels]`, by label; only the first 16 are drawn.
        hop_s: seconds from frame to frame.
        high_hz: upper edge of the highest band.
    """
    drawn = dict(list(typical.items())[:_MAX_SPECTROGRAMS])
    rows = -(-len(drawn) // _COLUMNS)
    columns = min(_COLUMNS, len(drawn))
    figure = Figure(figsize=(2.9 * columns + 0.8, 2.2 * rows + 0.5), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False, sharey=True)
    top = max(float(values.max()) for values in drawn.values())
    for axes in grid.flat[len(drawn) :]:
        axes.set_visible(False)
    images = []
    for axes, (label, values) in zip(grid.flat, drawn.items(), strict=False):
        extent = (0.0, hop_s * len(values), 0.0, float(values.shape[1]))
        colours: dict[str, Any] = {"cmap": "magma", "vmin": top - 70.0, "vmax": top}
        images.append(axes.imshow(values.T, origin="lower", aspect="auto", extent=extent, **colours))
        axes.set_title(plots.short(label))
        axes.set_yticks([0.0, values.shape[1]], ["0", f"{high_hz / 1000:g} kHz"])
    for axes in grid[-1]:
        axes.set_xlabel("seconds")
    figure.colorbar(images[-1], ax=grid, shrink=0.8, aspect=30, pad=0.01).set_label("dB")
    return plots.png(figure)


def _boxes(axes: Axes, by_label: Mapping[str, Sequence[float]]) -> None:
    """Box plots: quartiles, median, and whiskers to 1.5 interquartile ranges."""
    boxes = axes.boxplot(
        list(by_label.values()),
        orientation="horizontal",
        widths=0.6,
        patch_artist=True,
        flierprops={"marker": ".", "markersize": 3, "markeredgecolor": plots.MUTED},
        medianprops={"color": plots.INK, "linewidth": 1.6},
    )
    for box in boxes["boxes"]:
        box.set(facecolor="#cfe0f7", edgecolor=plots.BLUE, linewidth=1.0)
    axes.set_yticks(range(1, len(by_label) + 1), [plots.short(label) for label in by_label])
    axes.invert_yaxis()
    axes.grid(axis="x")
