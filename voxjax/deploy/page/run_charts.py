"""Charts of a finished run: history, confusion matrix, groups, calibration and selective prediction."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import altair as alt
import numpy as np

from voxjax.metrics import proportions

CELL = "cell"  # the selection in the confusion matrix
_CELL_PX, _ROW_PX = 34, 24


class Palette(NamedTuple):
    """Colours that are legible on the page's background."""

    ink: str
    first: str
    second: str
    low: str  # of an empty cell
    full: str  # of a full one


PALETTES = {
    "light": Palette("#1b1f24", "#0b5cad", "#b4530a", "#eef3fa", "#0b5cad"),
    "dark": Palette("#e8e8ea", "#4d9be8", "#e69138", "#1f2833", "#7ab8ff"),
}


def confusion(labels: Sequence[str], counts: np.ndarray, chosen: tuple[str, str], colors: Palette) -> alt.LayerChart:
    """The confusion matrix, truth in rows; a click on a cell selects it as `CELL`.

    Args:
        labels: K names.
        counts: integer `[K, K]`.
        chosen: truth and answer of the cell that is marked.
        colors: of the page.
    """
    fraction = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    rows = [
        {
            "truth": truth,
            "answer": answer,
            "clips": int(counts[i, j]),
            "of": int(counts[i].sum()),
            "fill": (fill := blended(colors.low, colors.full, float(fraction[i, j]))),
            "text": max(("#000000", "#ffffff"), key=lambda color: contrast(color, fill)),
            "chosen": (truth, answer) == chosen,
        }
        for i, truth in enumerate(labels)
        for j, answer in enumerate(labels)
    ]
    base = alt.Chart(alt.Data(values=rows)).encode(
        x=alt.X(
            "answer:N",
            sort=list(labels),
            title="answer",
            axis=alt.Axis(labelAngle=-45, labelLimit=90, labelOverlap=False),
        ),
        y=alt.Y("truth:N", sort=list(labels), title="true emotion", axis=alt.Axis(labelLimit=90)),
        tooltip=["truth:N", "answer:N", "clips:Q", alt.Tooltip("of:Q", title="of this emotion")],
    )
    cells = base.mark_rect(cursor="pointer").encode(color=alt.Color("fill:N", scale=None))
    picked = alt.selection_point(name=CELL, fields=["truth", "answer"], on="click", empty=False)
    texts = base.mark_text(fontSize=13).encode(text="clips:Q", color=alt.Color("text:N", scale=None))
    texts = texts.transform_filter("datum.clips > 0")
    marked = base.mark_rect(fill=None, stroke=colors.second, strokeWidth=3).transform_filter("datum.chosen")
    return _finished(alt.layer(cells.add_params(picked), texts, marked), colors, _CELL_PX * len(labels) + 120)


def history(rows: Sequence[Mapping[str, Any]], names: Mapping[str, str], title: str, colors: Palette) -> alt.Chart:
    """Curves over epochs.

    Args:
        rows: of metrics.jsonl.
        names: title of each curve by its field.
        title: of the axis.
        colors: of the page.
    """
    values = [
        {"epoch": row["epoch"], "curve": name, "value": row[key]}
        for row in rows
        for key, name in names.items()
        if key in row and row[key] is not None
    ]
    order = [name for name in names.values() if any(value["curve"] == name for value in values)]
    palette = [colors.second, colors.first, colors.ink][: len(order)]
    chart = (
        alt.Chart(alt.Data(values=values))
        .mark_line(point=len(rows) < 40)
        .encode(
            x=alt.X("epoch:Q", axis=alt.Axis(tickMinStep=1, format="d")),
            y=alt.Y("value:Q", title=title, scale=alt.Scale(zero=False)),
            color=alt.Color("curve:N", scale=alt.Scale(domain=order, range=palette), legend=_LEGEND),
            strokeDash=alt.StrokeDash("curve:N", sort=order, legend=None),
            tooltip=["curve:N", "epoch:Q", alt.Tooltip("value:Q", format=".3f")],
        )
    )
    return _finished(chart, colors, 260)


def groups(rows: Sequence[Mapping[str, Any]], colors: Palette) -> alt.LayerChart:
    """UAR of each group with its 95 % interval: rows of `name`, `value`, `low`, `high`, `n`."""
    rows = [{**row, "label": f"{row['name']} ({row['n']})"} for row in rows]
    base = alt.Chart(alt.Data(values=rows)).encode(y=alt.Y("label:N", sort=None, title=None, axis=_LABELS))
    axis = alt.Axis(format=".0%", tickCount=5)
    bars = base.mark_bar(color=colors.first, height={"band": 0.6}).encode(
        x=alt.X("value:Q", title="UAR, with its 95 % interval", axis=axis, scale=alt.Scale(domain=[0, 1])),
        tooltip=["name:N", alt.Tooltip("value:Q", format=".1%", title="UAR"), alt.Tooltip("n:Q", title="clips")],
    )
    ends = base.mark_rule(color=colors.second, strokeWidth=2).encode(x="low:Q", x2="high:Q")
    return _finished(alt.layer(bars, ends), colors, alt.Step(_ROW_PX))


def reliability(bins: Mapping[str, np.ndarray], colors: Palette) -> alt.LayerChart:
    """Accuracy of the answers of like confidence, with 95 % intervals, beside the line where both are equal."""
    width = 1 / len(bins["count"])
    rows = []
    for i in np.flatnonzero(bins["count"]):
        n, accuracy = int(bins["count"][i]), float(bins["accuracy"][i])
        low, high = proportions.wilson(accuracy, n)
        middle = (float(i) + 0.5) * width
        rows.append({"from": i * width, "to": (i + 1) * width, "middle": middle, "accuracy": accuracy, "clips": n})
        rows[-1] |= {"low": low, "high": high}
    fraction = alt.Scale(domain=[0, 1])
    axis = alt.Axis(format=".0%", tickCount=5)
    base = alt.Chart(alt.Data(values=rows))
    bars = base.mark_bar(color=colors.first).encode(
        x=alt.X("from:Q", title="confidence", scale=fraction, axis=axis),
        x2="to:Q",
        y=alt.Y("accuracy:Q", title="accuracy", scale=fraction, axis=axis),
        y2=alt.Y2Datum(0),
        tooltip=[alt.Tooltip("accuracy:Q", format=".1%"), "clips:Q"],
    )
    start = alt.Y("low:Q", title="accuracy")
    ends = base.mark_rule(color=colors.second, strokeWidth=2).encode(x="middle:Q", y=start, y2="high:Q")
    line = alt.Chart(alt.Data(values=[{"x": 0, "y": 0}, {"x": 1, "y": 1}])).mark_line(
        color=colors.ink, strokeDash=[5, 4], strokeWidth=1.5
    )
    return _finished(alt.layer(bars, ends, line.encode(x="x:Q", y=alt.Y("y:Q", title="accuracy"))), colors, 320)


def coverage(rows: Sequence[Mapping[str, float]], colors: Palette) -> alt.Chart:
    """Accuracy of the answers when only the most confident clips are answered."""
    axis = alt.Axis(format="~%", tickCount=5)
    chart = (
        alt.Chart(alt.Data(values=[dict(row) for row in rows]))
        .mark_line(color=colors.first, point={"color": colors.first})
        .encode(
            x=alt.X("coverage:Q", title="fraction of clips answered", axis=axis, scale=alt.Scale(domain=[0, 1])),
            y=alt.Y("accuracy:Q", title="accuracy of the answers", axis=axis, scale=alt.Scale(zero=False)),
            tooltip=[alt.Tooltip(f"{name}:Q", format=".1%") for name in ("coverage", "accuracy", "confidence")],
        )
    )
    return _finished(chart, colors, 300)


_LEGEND = alt.Legend(orient="top", title=None, columns=2, symbolType="stroke", labelLimit=150)
_LABELS = alt.Axis(labelLimit=150)


def blended(low: str, full: str, fraction: float) -> str:
    """The colour between two, such as "#0b5cad": `low` at 0, `full` at 1."""
    mixed = (1 - fraction) * _channels(low) + fraction * _channels(full)
    return "#" + "".join(f"{round(value):02x}" for value in mixed)


def contrast(first: str, second: str) -> float:
    """The contrast of two colours by WCAG 2, from 1 to 21."""
    high, low = sorted((_luminance(first), _luminance(second)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def _luminance(color: str) -> float:
    values = _channels(color) / 255
    linear = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def _channels(color: str) -> np.ndarray:
    return np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)], float)


def _finished(chart: Any, colors: Palette, height: int | alt.Step) -> Any:
    return (
        chart.properties(height=height)
        .configure_axis(labelColor=colors.ink, titleColor=colors.ink, labelFontSize=13, titleFontSize=13)
        .configure_legend(labelColor=colors.ink, labelFontSize=13)
        .configure_view(strokeWidth=0)
    )
