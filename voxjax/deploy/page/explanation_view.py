"""Why a model gave its answer: asked for by a button, as a picture, in words and as a table to save."""

import streamlit as st

from voxjax.attribution import explanation_files
from voxjax.attribution.explanation import Explanation
from voxjax.deploy.page import downloads, words
from voxjax.deploy.page.answering import EXPLAINED_S, Answer, Answering, Recording
from voxjax.errors import VoxJaxError

_EXPLANATIONS = "explanations"  # in the visitor's session: by recording, model and start
_MEANING = (
    "Each patch of time and frequency was lowered to the recording's noise floor in turn. Orange patches raised the "
    "emotion's odds, blue ones lowered them. It shows what the model used, not what the voice means."
)


@st.fragment
def show(work: Answering, recording: Recording, answer: Answer) -> None:
    """Draws the button, and the explanation once it was asked for."""
    duration_s = answer.result["duration_s"]
    with st.expander(f"Why this answer? ({words.plain(answer.model)})", key=f"{answer.model} why"):
        start_s = 0.0
        if duration_s > EXPLAINED_S:
            label = f"{EXPLAINED_S:g} s are explained, from second"
            start_s = st.slider(label, 0.0, float(int(duration_s - 1)), 0.0, 1.0, key=f"{answer.model} start")
        kept: dict[tuple[str, str, float], Explanation | str] = st.session_state.setdefault(_EXPLANATIONS, {})
        key = recording.key, answer.model, start_s
        if st.button("Explain", key=f"{answer.model} explain") and key not in kept:
            with st.spinner("Computing the explanation"):
                found = work.explanation(recording, answer.model, start_s=start_s)
            kept.clear()  # of pictures and their numbers a session holds one
            kept[key] = str(found) if isinstance(found, VoxJaxError) else found
        if key in kept:
            _draw(answer, kept[key])


def _draw(answer: Answer, found: Explanation | str) -> None:
    if isinstance(found, str):
        st.error(words.plain(found))
        return
    st.markdown(_MEANING)
    first, *lines = explanation_files.lines(answer.name, found)
    st.image(downloads.explanation_picture(answer.name, found), width="stretch", alt=f"{first}. {'; '.join(lines)}")
    st.markdown("".join(f"- {words.plain(line.strip())}\n" for line in lines))
    name = downloads.file_name(answer.name, f"{answer.model}_explanation", ".csv")
    st.download_button("Patches: CSV", explanation_files.table(found), name, "text/csv", on_click="ignore")
