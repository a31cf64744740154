"""The plot of a model's figures on corrupted recordings."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from voxjax.reporting import plots


@matplotlib.rc_context(plots.STYLE)
def draw(rows: Sequence[Mapping[str, Any]], title: str) -> bytes:
    """A PNG: one bar per corruption, grouped by type, and a line at the UAR without corruption.

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
    axes.barh(positions, [row["uar"] for row in rows], 0.8, color=[colors[row["kind"]] for row in rows])
    axes.axvline(rows[0]["uar"], color=plots.INK, linewidth=1.2, linestyle="--")
    over_the_line = {"facecolor": "white", "edgecolor": "none", "pad": 1.0}
    for at, row in zip(positions, rows, strict=True):
        axes.text(row["uar"] + 0.008, at, f"{row['uar']:.1%}", va="center", fontsize=9, bbox=over_the_line)
    axes.set_yticks(positions, [f"{row['kind']}, {row['strength']}" for row in rows])
    axes.invert_yaxis()
    axes.set(xlim=(0, 1), xlabel="UAR", title=plots.wrapped(title, 7.0))
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    axes.grid(axis="x")
    return plots.png(figure)
