"""The plot of figures over the number of known clips of a speaker."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib
from matplotlib.figure import Figure
from matplotlib.ticker import MultipleLocator

from voxjax.reporting import plots


@matplotlib.rc_context(plots.STYLE)
def draw(rows: Sequence[Mapping[str, Any]], title: str) -> bytes:
    """A PNG: UAR and accuracy for each number of known clips, with their intervals over speakers.

    Args:
        rows: as from `evaluation.enrolment_curve.table`.
        title: above the plot.
    """
    figure = Figure(figsize=(6.4, 4.0), layout="constrained")
    axes = figure.add_subplot()
    places = range(len(rows))
    for name, label, color in (("uar", "UAR", plots.BLUE), ("accuracy", "accuracy", plots.GREEN)):
        values = [row[name] for row in rows]
        low, high = zip(*(row[f"{name}_ci"] for row in rows), strict=True)
        axes.fill_between(places, low, high, color=color, alpha=0.15, linewidth=0)
        axes.plot(places, values, marker="o", color=color, label=label)
    labelled = [(place, row["labelled"]["accuracy"]) for place, row in enumerate(rows) if "labelled" in row]
    if labelled:
        label = "accuracy, their labels known, too"
        axes.plot(*zip(*labelled, strict=True), marker="s", linestyle="--", color=plots.ORANGE, label=label)
    for place, row in zip(places, rows, strict=True):
        lower = min(row["uar"], row["accuracy"])
        axes.annotate(f"{row['accuracy']:.1%}", (place, lower), (0, -18), textcoords="offset points", ha="center")
    axes.set_xticks(places, [str(row["known"]) for row in rows])
    axes.set(xlabel="known clips of the test speaker", title=plots.wrapped(title, 6.0))
    axes.yaxis.set_major_locator(MultipleLocator(0.05))
    axes.yaxis.set_major_formatter(plots.percent_tick)
    axes.grid(axis="y")
    axes.legend(loc="lower right")
    return plots.png(figure)
