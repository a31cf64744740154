"""The confusion matrix of a finished run, and the clips of one of its cells, to listen to."""

import numpy as np
import streamlit as st

from voxjax.deploy.page import run_charts, run_folders, run_tables, words
from voxjax.deploy.page.run_charts import Palette
from voxjax.deploy.page.settings import PageSettings
from voxjax.evaluation.compare_runs import Run
from voxjax.metrics import classification

_AT_ONCE = 10  # clips with their players


def show(name: str, run: Run, settings: PageSettings, colors: Palette) -> None:
    """Draws the matrix and the clips of the chosen cell.

    Args:
        name: of the run.
        run: its report.
        settings: of the page.
        colors: of the page.
    """
    st.subheader("Confusion matrix")
    labels = list(run.figures["labels"])
    counts = classification.confusion(run.truth, run.predicted, len(labels))
    truth_key, answer_key = (f"{part} of {name}" for part in ("truth", "answer"))
    if truth_key not in st.session_state:
        truth, answer = most_confused(counts)
        st.session_state[truth_key], st.session_state[answer_key] = labels[truth], labels[answer]
    chosen = (st.session_state[truth_key], st.session_state[answer_key])
    chart_key = f"matrix of {name} at {chosen}"  # a new chart for each choice, so that a click on any cell is a change

    def choose() -> None:
        """Takes the cell that was clicked."""
        picked = st.session_state[chart_key]["selection"][run_charts.CELL]
        if picked:
            st.session_state[truth_key], st.session_state[answer_key] = picked[0]["truth"], picked[0]["answer"]

    st.write("Choose a cell by a click, or below by its true emotion and the answer, to listen to its clips.")
    matrix, clips = st.columns([3, 2])
    with matrix:
        chart = run_charts.confusion(labels, counts, chosen, colors)
        alt = "Number of clips by true emotion and answer; the table below gives it"
        st.altair_chart(
            chart, width="stretch", key=chart_key, on_select=choose, selection_mode=run_charts.CELL, alt=alt
        )
        with st.expander("Confusion matrix as a table"):
            st.table(run_tables.confusion(labels, counts), hide_index=True)
    with clips:
        truth = st.selectbox("True emotion", labels, key=truth_key)
        answer = st.selectbox("Answer", labels, key=answer_key)
        _clips(name, run, settings, (labels.index(truth), labels.index(answer)))


def most_confused(counts: np.ndarray) -> tuple[int, int]:
    """The cell off the diagonal with most clips; the fullest one where no answer is wrong."""
    wrong = counts * (1 - np.eye(len(counts), dtype=counts.dtype))
    place = np.unravel_index(int((wrong if wrong.any() else counts).argmax()), counts.shape)
    return int(place[0]), int(place[1])


def cell(run: Run, truth: int, answer: int) -> np.ndarray:
    """Rows of a cell's clips, the most confident first."""
    rows = np.flatnonzero((run.truth == truth) & (run.predicted == answer))
    return rows[np.argsort(-run.probabilities[rows, answer], kind="stable")]


def _clips(name: str, run: Run, settings: PageSettings, chosen: tuple[int, int]) -> None:
    """Lists the clips of a cell, ten at a time, with their players."""
    rows = cell(run, *chosen)
    truth, answer = (words.plain(run.figures["labels"][i]) for i in chosen)
    count = f"{len(rows)} clip{'' if len(rows) == 1 else 's'}"
    st.markdown(f"**{count} of {truth}, answered {answer}**")
    first = 0
    if len(rows) > _AT_ONCE:
        pages = [f"{i + 1} to {min(i + _AT_ONCE, len(rows))}" for i in range(0, len(rows), _AT_ONCE)]
        page = st.selectbox("Clips", pages, key=f"page {chosen} of {name}")
        first = _AT_ONCE * pages.index(page)
    roots = run_folders.roots(settings.data_dir, run.figures["corpus"])
    if not roots:
        st.write("There are no sounds: the page was started without `--data_dir`.")
    for row in rows[first : first + _AT_ONCE]:
        clip = str(run.clips[row])
        about = f"speaker {run.speakers[row]}, confidence {run.probabilities[row, chosen[1]]:.0%}"
        st.markdown(f"{words.plain(clip)}: {words.plain(about)}")
        found = run_folders.sound(clip, roots, settings.audio())
        if found is not None:
            st.audio(found.content, format=found.mime, alt=f"Clip {clip}")
        elif roots:
            st.write("The sound isn't in the data folder.")
