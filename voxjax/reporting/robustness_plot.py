"""The plot of a model's figures on corrupted recordings."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from voxjax.reporting import plots


@matplotlib.rc_context(plots.STYLE)
def draw(rows: Sequence[Mapping[str, Any]], title: str) -> bytes:
    """A PNG: one bar per corruption with its 95 % interval, grouped by type, and a line at the UAR without corruption.

    Args:
        rows: as from `experiments.robustness.table`; the first is without corruption.
        title: above the plot.
    """
    kinds = list(dict.fromkeys(row["kind"] for row in rows))
    colors = dict(zip(kinds, matplotlib.colormaps["tab10"](np.arange(len(kinds)) % 10), strict=True))
    positions, position = [], 0.0
    for before, row in zip([rows[0], *rows], rows, strict=False):
        position += 1.0 if before["kind"] == row["kind"] else 1.6  # a gap between types
        positions.append(position)
    figure = Figure(figsize=(9, 0.32 * len(rows) + 1.4), layout="constrained")
    axes = figure.add_subplot()
    uar, ends = np.array([row["uar"] for row in rows]), np.array([row["uar_ci"] for row in rows])
    lengths = np.maximum(0.0, [uar - ends[:, 0], ends[:, 1] - uar])
    style = {"ecolor": plots.INK, "elinewidth": 1.1, "capsize": 2.5}
    axes.barh(positions, uar, 0.8, color=[colors[row["kind"]] for row in rows], xerr=lengths, error_kw=style)
    axes.axvline(rows[0]["uar"], color=plots.INK, linewidth=1.2, linestyle="--")
    over_the_line = {"facecolor": "white", "edgecolor": "none", "pad": 1.0}
    for at, row in zip(positions, rows, strict=True):
        axes.text(row["uar_ci"][1] + 0.012, at, f"{row['uar']:.1%}", va="center", fontsize=9, bbox=over_the_line)
    axes.set_yticks(positions, [f"{row['kind']}, {row['strength']}" for row in rows])
    axes.invert_yaxis()
    axes.set(xlim=(0, max(1.0, ends.max() + 0.1)), xlabel="UAR, 95% interval", title=plots.wrapped(title, 7.0))
    axes.xaxis.set_major_formatter(plots.percent_tick)
    axes.grid(axis="x")
    return plots.png(figure)
