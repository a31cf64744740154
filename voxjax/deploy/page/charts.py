"""Probabilities as bars and as a table."""

from collections.abc import Sequence

import altair as alt
import streamlit as st

from voxjax.deploy.page import words
from voxjax.deploy.page.answering import Answer

_BAR_PX, _GAP_PX, _FRAME_PX = 14, 10, 70  # of each model and label; between labels; of axis and legend
_COLORS = ["#2f7fd6", "#d9730d", "#1f9d6b", "#b5509c", "#8a8f98"]  # 3 to 1 and more on white and on near-black
_INK = {"light": "#31333f", "dark": "#e8e8ea"}  # of the text in charts, which don't follow the page's by themselves


def probabilities(answers: Sequence[Answer]) -> None:
    """Draws the probabilities by each model, of one recording."""
    labels = by_probability(answers)
    rows = [
        {"emotion": label, "model": one.model, "probability": one.result["probabilities"][label]}
        for one in answers
        for label in one.result["probabilities"]
    ]
    models = [one.model for one in answers]
    ink = _INK[st.context.theme.type or "light"]
    chart = (
        alt.Chart(alt.Data(values=rows))
        .mark_bar()
        .encode(
            x=alt.X(
                "probability:Q",
                scale=alt.Scale(domain=[0, 1]),
                axis=alt.Axis(format=".0%", tickCount=5),
                title="probability",
            ),
            y=alt.Y("emotion:N", sort=labels, title=None, axis=alt.Axis(labelOverlap=False)),
            yOffset=alt.YOffset("model:N", sort=models),
            color=alt.Color(
                "model:N",
                scale=alt.Scale(domain=models, range=_COLORS[: len(models)]),
                legend=alt.Legend(orient="top", title=None, labelLimit=300) if len(models) > 1 else None,
            ),
            tooltip=["emotion:N", "model:N", alt.Tooltip("probability:Q", format=".1%")],
        )
        .configure_axis(labelColor=ink, titleColor=ink, labelFontSize=13, titleFontSize=13)
        .configure_legend(labelColor=ink, labelFontSize=13)
        .properties(height=(_BAR_PX * len(models) + _GAP_PX) * len(labels) + _FRAME_PX)
    )
    st.altair_chart(chart, width="stretch", alt="Bars of the probabilities that the table below gives")
    st.table(table(answers), hide_index=True)


def table(answers: Sequence[Answer]) -> dict[str, list[str]]:
    """Columns of a table: emotion, then its probability by each model, "–" where a model has no such label."""
    labels = by_probability(answers)
    found = {"Emotion": [words.plain(label) for label in labels]}
    for one in answers:
        values = one.result["probabilities"]
        found[words.plain(one.model)] = [words.percent(values[label]) if label in values else "–" for label in labels]
    return found


def by_probability(answers: Sequence[Answer]) -> list[str]:
    """All labels, the most probable one first by the mean of the models that have it."""
    known = [one.result["probabilities"] for one in answers]
    labels = list(dict.fromkeys(label for one in known for label in one))

    def mean(label: str) -> float:
        values = [one[label] for one in known if label in one]
        return sum(values) / len(values)

    return sorted(labels, key=mean, reverse=True)
