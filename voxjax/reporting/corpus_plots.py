"""Pictures of a corpus: durations, levels and a typical clip of each label."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from voxjax.reporting import plots

_COLUMNS = 4  # of spectrograms
_MOST = 16  # spectrograms; labels beyond are left out
_BARS = 30


@matplotlib.rc_context(plots.STYLE)
def durations(by_label: Mapping[str, Sequence[float]]) -> bytes:
    """A PNG: histogram of all durations in seconds, beside their spread in each label."""
    figure = Figure(figsize=(11, max(3.2, 0.36 * len(by_label) + 1.2)), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(5, 6))
    left.hist(np.concatenate([np.asarray(some, float) for some in by_label.values()]), _BARS, color=plots.BLUE)
    left.set(title="Durations", xlabel="seconds", ylabel="clips")
    left.grid(axis="y")
    _spread(right, by_label)
    right.set(title="by label", xlabel="seconds")
    return plots.png(figure)


@matplotlib.rc_context(plots.STYLE)
def levels(by_label: Mapping[str, Sequence[float]]) -> bytes:
    """A PNG: the spread of levels, in dB of full scale, in each label."""
    figure = Figure(figsize=(8, max(3.0, 0.36 * len(by_label) + 1.2)), layout="constrained")
    axes = figure.add_subplot()
    _spread(axes, by_label)
    axes.set(title="Levels by label", xlabel="dB of full scale")
    return plots.png(figure)


@matplotlib.rc_context(plots.STYLE)
def spectrograms(typical: Mapping[str, np.ndarray], hop_s: float, high_hz: float) -> bytes:
    """A PNG: a log-mel spectrogram a label, on one scale of colours.

    Args:
        typical: dB, `[frames, mels]`, by label; of more than 16 the first are drawn.
        hop_s: seconds from frame to frame.
        high_hz: upper edge of the highest band.
    """
    shown = dict(list(typical.items())[:_MOST])
    rows = -(-len(shown) // _COLUMNS)
    columns = min(_COLUMNS, len(shown))
    figure = Figure(figsize=(2.9 * columns + 0.8, 2.2 * rows + 0.5), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False, sharey=True)
    top = max(float(values.max()) for values in shown.values())
    for axes in grid.flat[len(shown) :]:
        axes.set_visible(False)
    images = []
    for axes, (label, values) in zip(grid.flat, shown.items(), strict=False):
        extent = (0.0, hop_s * len(values), 0.0, float(values.shape[1]))
        colours: dict[str, Any] = {"cmap": "magma", "vmin": top - 70.0, "vmax": top}
        images.append(axes.imshow(values.T, origin="lower", aspect="auto", extent=extent, **colours))
        axes.set_title(plots.short(label))
        axes.set_yticks([0.0, values.shape[1]], ["0", f"{high_hz / 1000:g} kHz"])
    for axes in grid[-1]:
        axes.set_xlabel("seconds")
    figure.colorbar(images[-1], ax=grid, shrink=0.8, aspect=30, pad=0.01).set_label("dB")
    return plots.png(figure)


def _spread(axes: Axes, by_label: Mapping[str, Sequence[float]]) -> None:
    """Boxes from quartile to quartile, the median marked, whiskers over all but the outliers."""
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
