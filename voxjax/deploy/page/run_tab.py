"""The tab for a finished run: its result in words, then charts and tables, and the clips of each kind of error."""

from collections.abc import Mapping
from typing import Any

import streamlit as st

from voxjax.deploy.page import run_charts, run_clips, run_folders, run_tables, words
from voxjax.deploy.page.run_folders import FinishedRun
from voxjax.deploy.page.settings import PageSettings
from voxjax.errors import VoxJaxError
from voxjax.evaluation import in_words
from voxjax.metrics import classification
from voxjax.reporting import terms
from voxjax.storage.paths import AnyPath

_LOSSES = {"train_loss": "training", "valid_loss": "validation"}
_SCORES = {
    "train_accuracy": "training accuracy",
    "valid_uar": "validation UAR",
    "valid_accuracy": "validation accuracy",
}
_FEWEST_EPOCHS = 2  # that a curve needs
_MOST_BARS = 40  # groups in a chart; the table has all
_NO_RUNS = (
    "No finished run is open. Start the page with `voxjax app --runs=FOLDER`, where FOLDER is a run or holds runs."
)


@st.fragment
def show(settings: PageSettings) -> None:
    """Draws the tab; what a visitor changes in it draws this tab alone."""
    if not settings.runs:
        st.write(_NO_RUNS)
        return
    try:
        folders = run_folders.find(settings.runs)
        if not folders:
            st.write("The folder that the page was started with holds no finished run.")
            return
        name = st.selectbox("Run", list(folders), key="run")
        run = _loaded(str(folders[name]), folders[name], run_folders.changed(folders[name]))
    except VoxJaxError as error:
        st.error(str(error).replace(settings.runs, "RUNS"))
        return
    colors = run_charts.PALETTES[st.context.theme.type or "light"]
    _result(run.report.figures)
    _history(run, colors)
    run_clips.show(name, run.report, settings, colors)
    _groups(run.report.figures, colors)
    _calibration(run, colors)
    _selective(run.report.figures, colors)


@st.cache_resource(show_spinner="Reading the run", max_entries=4)
def _loaded(path: str, _folder: AnyPath, changed: float) -> FinishedRun:
    """A run, once for all visitors until its report is written again."""
    del path, changed  # by which an entry is found
    return run_folders.read(_folder)


def _result(figures: Mapping[str, Any]) -> None:
    st.subheader("Result")
    st.markdown(f"**{words.plain(in_words.sentence(figures))}**")
    for warning in figures["warnings"]:
        st.warning(words.plain(warning))
    st.table(run_tables.result(figures), hide_index=True)
    for text in figures["selection"] if "selection" in figures else []:
        st.write(words.plain(text))
    _define("protocol", "UAR", "accuracy", "95% interval", "ECE", "temperature")


def _history(run: FinishedRun, colors: run_charts.Palette) -> None:
    st.subheader("Training")
    if len(run.history) < _FEWEST_EPOCHS:
        st.write(f"There are no curves. Epoch chosen by: {words.plain(run.report.figures['chosen_by'])}.")
        return
    first, last = run.history[0], run.history[-1]
    loss, scores = st.columns(2)
    with loss:
        chart = run_charts.history(run.history, _LOSSES, "loss (nats)", colors)
        st.altair_chart(chart, width="stretch", alt=f"Loss over epochs: {run_tables.change(first, last, _LOSSES)}")
    with scores:
        chart = run_charts.history(run.history, _SCORES, "score", colors)
        st.altair_chart(chart, width="stretch", alt=f"Scores over epochs: {run_tables.change(first, last, _SCORES)}")
    for text in run.report.figures["diagnostics"] if "diagnostics" in run.report.figures else []:
        st.markdown(f"- {words.plain(text)}")
    _define("epoch", "loss", "nat", "validation clips")


def _groups(figures: Mapping[str, Any], colors: run_charts.Palette) -> None:
    st.subheader("Speakers and groups")
    for title, key, counts in (("Gender", "per_gender", "gender_n"), ("Speaker", "per_speaker", "speaker_n")):
        if not figures[key]:
            continue
        rows = run_tables.group_rows(figures, key, counts)
        chart = run_charts.groups(rows[:_MOST_BARS], colors)
        st.altair_chart(chart, width="stretch", alt=f"UAR by {title.lower()}; the table below gives it")
        with st.expander(f"{title} as a table"):
            st.table(run_tables.groups(title, rows), hide_index=True)


def _calibration(run: FinishedRun, colors: run_charts.Palette) -> None:
    st.subheader("Calibration")
    bins = classification.reliability(run.report.probabilities, run.report.truth)
    st.write(run_tables.calibration(run.report.figures))
    chart = run_charts.reliability(bins, colors)
    st.altair_chart(chart, width="stretch", alt="Accuracy by confidence; the table below gives it")
    with st.expander("Calibration as a table"):
        st.table(run_tables.reliability(bins), hide_index=True)
    _define("confidence", "calibration", "ECE")


def _selective(figures: Mapping[str, Any], colors: run_charts.Palette) -> None:
    st.subheader("Selective prediction")
    st.write("How accuracy rises when only the most confident clips are answered.")
    chart = run_charts.coverage(figures["coverage"], colors)
    st.altair_chart(chart, width="stretch", alt="Accuracy by fraction of clips answered; the table below gives it")
    with st.expander("Selective prediction as a table"):
        st.table(run_tables.coverage(figures), hide_index=True)
    if "reject" in figures:
        st.write("Thresholds chosen on validation clips, and their result on the test clips:")
        st.table(run_tables.rejected(figures), hide_index=True)
    _define("selective prediction", "target accuracy")


def _define(*names: str) -> None:
    """Definitions of terms, which open by a click or the keyboard."""
    with st.expander("What these words mean"):
        st.markdown("\n".join(f"- **{name}**: {words.plain(terms.TERMS[name])}" for name in names))
