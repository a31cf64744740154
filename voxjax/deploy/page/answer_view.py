"""The answers to one recording: in words, with the player, probabilities, downloads and what the models are."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import streamlit as st
from jaxtyping import Float32

from voxjax.deploy.page import charts, downloads, explanation_view, player, words
from voxjax.deploy.page.answering import Answer, Answering, Recording
from voxjax.deploy.page.model_facts import ModelFacts
from voxjax.errors import VoxJaxError

_SOUND = "sound"  # in the visitor's session: of the recording that is looked at
_MOST_ROWS = 400  # of the table of segments


class _Sound(NamedTuple):
    """A recording as it is played and drawn."""

    key: str
    samples: Float32[np.ndarray, " time"]
    wav: bytes
    picture: dict[str, Any]


def show(work: Answering, recording: Recording, name: str, answers: Sequence[Answer]) -> None:
    """Draws the answers to a recording.

    Args:
        work: of the page.
        recording: that is looked at.
        name: by which the visitor knows it.
        answers: at least one, of different models.
    """
    sound = _sound(work, recording)
    if isinstance(sound, VoxJaxError):
        st.error(words.plain(str(sound)))
        return
    st.subheader(f"{words.plain(name)} ({words.duration(len(sound.samples) / downloads.RATE_HZ)})", anchor=False)
    left, right = st.columns([5, 3], gap="large")
    with right:
        for answer in answers:
            _facts(work.catalogue.facts(answer.model))
    with left:
        for answer in answers:
            _answer(answer, work.catalogue.facts(answer.model), several=len(answers) > 1)
        player.show(name, sound.wav, sound.picture, answers)
        st.markdown("#### Probabilities")
        charts.probabilities(answers)
        _segments(answers)
        for answer in answers:
            explanation_view.show(work, recording, answer)
        _downloads(answers, sound)


def _sound(work: Answering, recording: Recording) -> _Sound | VoxJaxError:
    """The recording as it is played; the session keeps that of one recording."""
    kept = st.session_state.get(_SOUND)
    if isinstance(kept, _Sound) and kept.key == recording.key:
        return kept
    rate_hz = downloads.RATE_HZ
    samples = work.samples(recording, rate_hz)
    if isinstance(samples, VoxJaxError):
        return samples
    made = _Sound(recording.key, samples, player.wav(samples, rate_hz), player.picture(samples, rate_hz))
    st.session_state[_SOUND] = made
    return made


def _answer(answer: Answer, facts: ModelFacts, several: bool) -> None:
    """Draws the answer in words, how often the model is right, and warnings."""
    by = f"{words.plain(answer.model)}: " if several else ""
    st.markdown(f"### {by}{words.headline(answer)}")
    st.markdown(f"{words.meaning(answer)} {facts.summary}")
    for text in words.warnings(answer):
        st.warning(words.plain(text))


def _segments(answers: Sequence[Answer]) -> None:
    """Draws the timelines as tables."""
    with st.expander("Timeline as a table"):
        for answer in answers:
            st.markdown(f"**{words.plain(answer.model)}**")
            st.table(words.segments(answer, _MOST_ROWS), hide_index=True)


def _downloads(answers: Sequence[Answer], sound: _Sound) -> None:
    """Draws the buttons that save an answer as a file."""
    st.markdown("#### Save")
    for answer in answers:
        if len(answers) > 1:
            st.markdown(f"**{words.plain(answer.model)}**")
        with st.container(horizontal=True):
            for kind, style in downloads.TIMELINES.items():
                _button(answer, style, lambda kind=kind, answer=answer: downloads.timeline(kind, answer))
            _button(answer, downloads.PICTURE, lambda answer=answer: downloads.picture(answer, sound.samples))


def _button(answer: Answer, style: downloads.Download, content: Any) -> None:
    """Draws one button; the file is made when it is pressed."""
    name = downloads.file_name(answer.name, answer.model, style.suffix)
    key = f"{answer.model} {style.suffix}"
    st.download_button(style.title, content, name, style.media_type, key=key, on_click="ignore")


def _facts(facts: ModelFacts) -> None:
    """Draws what is known of a model."""
    with st.container(border=True):
        st.markdown(f"#### About {words.plain(facts.name)}")
        if facts.figures:
            st.table(words.figures(facts), hide_index=True)
            st.caption("UAR: mean over the emotions of how many of their clips are named rightly.")
        for title, text in (("Trained on", facts.data), ("Licence", facts.licence), ("Meant for", facts.use)):
            if text:
                st.markdown(f"**{title}.** {text}")
        st.markdown("**Limits**\n" + "".join(f"\n- {text}" for text in facts.limits))
