"""The tab for recordings: what somebody uploads or records, and its answers."""

from collections.abc import Sequence

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from voxjax.deploy.page import answer_view, downloads, words
from voxjax.deploy.page.answering import Answer, Answering, Recording, check_count
from voxjax.deploy.page.catalogue import Catalogue
from voxjax.deploy.page.settings import PageSettings
from voxjax.errors import VoxJaxError

Found = dict[str, list[Answer | str]]  # by recording: each model's answer, or an error

_ANSWERS = "answers"  # in the visitor's session: by recording and model
_RECORDED = "recorded.wav"


@st.cache_resource(show_spinner=False)
def answering(settings: PageSettings) -> Answering:
    """The models of the page and the limits on their use, once for all visitors."""
    return Answering(Catalogue.of(settings), settings)


def show(settings: PageSettings) -> None:
    """Draws the tab."""
    work = answering(settings)
    recordings, models = _asked(work)
    if not recordings:
        st.info("Upload or record speech to see its emotions.")
        return
    if not models:
        st.info("Choose at least one model.")
        return
    try:
        check_count(len(recordings), settings)
    except VoxJaxError as error:
        st.error(words.plain(str(error)))
        return
    found = _answers(work, recordings, models)
    several = len(recordings) > 1
    if several:
        _overview(found)
        name = st.selectbox("Recording to look at", list(recordings))
    else:
        [name] = recordings
    for text in dict.fromkeys(one for one in found[name] if isinstance(one, str)):
        st.error(words.plain(text))
    answers = [one for one in found[name] if isinstance(one, Answer)]
    if answers:
        answer_view.show(work, recordings[name], name, answers)


def _asked(work: Answering) -> tuple[dict[str, Recording], list[str]]:
    """Draws the widgets above; what the visitor gave: recordings by name, and models."""
    settings = work.settings
    st.markdown(
        "Which emotion does a voice express, and how sure is the answer? A label is how a voice sounds to listeners, "
        "not what the person feels. Nothing is kept: recordings and answers are gone when you close the page."
    )
    left, right = st.columns(2)
    with left:
        limits = f"At most {settings.max_megabytes} MB and {settings.max_minutes:g} minutes each"
        files = st.file_uploader(
            f"Sound files. {limits}, {settings.max_files} at once.",
            accept_multiple_files=True,
            max_upload_size=settings.max_megabytes,
        )
    with right:
        recorded = st.audio_input("Or record your voice")
        names = work.catalogue.names
        models = st.multiselect("Models; two or more are compared", names, default=names[:1], placeholder="Choose")
    given = [(one.name, one) for one in files] + ([(_RECORDED, recorded)] if recorded else [])
    return _named(given), models


def _named(given: Sequence[tuple[str, UploadedFile]]) -> dict[str, Recording]:
    """Recordings by name; a second one of a name gets a number."""
    found: dict[str, Recording] = {}
    for name, file in given:
        free, number = name, 2
        while free in found:
            free, number = f"{name} ({number})", number + 1
        found[free] = Recording(file.file_id, free, file.getvalue())
    return found


def _answers(work: Answering, recordings: dict[str, Recording], models: Sequence[str]) -> Found:
    """The answer of each model to each recording; those that the session has are not computed again."""
    kept: dict[tuple[str, str], Answer | str] = st.session_state.setdefault(_ANSWERS, {})
    wanted = [(one, model) for one in recordings.values() for model in models]
    place = st.empty()  # in every run, so that what is below keeps its place
    missing = [(one, model) for one, model in wanted if (one.key, model) not in kept]
    if missing:
        bar = place.progress(0.0, "Computing answers")
        for i, (one, model) in enumerate(missing):
            bar.progress(i / len(missing), f"Computing answers: {i + 1} of {len(missing)}")
            answer = work.answer(one, model)
            kept[one.key, model] = answer if isinstance(answer, Answer) else str(answer)
        bar.empty()
    keys = {one.key for one in recordings.values()}
    for key in [key for key in kept if key[0] not in keys]:
        del kept[key]  # of what the visitor has removed
    return {name: [kept[one.key, model] for model in models] for name, one in recordings.items()}


def _overview(found: Found) -> None:
    """Draws the table of all recordings and its downloads."""
    st.subheader("All recordings")
    st.table(words.overview(found), hide_index=True)
    answers = [one for own in found.values() for one in own if isinstance(one, Answer)]
    if not answers:
        return
    with st.container(horizontal=True):
        for kind, style in downloads.ANSWERS.items():
            content = downloads.answers(kind, answers)
            name = f"answers{style.suffix}"
            label = f"All answers: {style.title}"
            st.download_button(label, content, name, style.media_type, on_click="ignore")
