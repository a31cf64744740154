"""The player: waveform, spectrogram and timeline that move with the sound, as one component without outside files."""

import base64
import functools
import io
import wave
from collections.abc import Sequence
from importlib import resources
from typing import Any

import numpy as np
import streamlit as st
from jaxtyping import Float32

from voxjax.deploy.page import words
from voxjax.deploy.page.answering import Answer
from voxjax.inference.timeline_formats import tiers
from voxjax.reporting.sound_summary import SoundSummary
from voxjax.reporting.timeline_plot import COLORS

AUDIO_KEY = "sound"  # of the container with the audio element, which the component follows
_BINS = 128  # of frequency, at most
_RANGE_DB = 65.0
_LOUDEST = 127  # of the envelope's numbers
_SMALLEST_PEAK = 0.02
_HINT = "Segments are as high as their confidence. A click on one, or Enter, goes there; arrow keys move between them."


@functools.cache
def _component() -> Any:
    """The component, registered once for all visitors."""
    folder = resources.files("voxjax.deploy.page")
    js, css = (folder.joinpath(f"player.{kind}").read_text(encoding="utf-8") for kind in ("js", "css"))
    return st.components.v2.component("voxjax_player", js=js, css=css)


def show(recording: str, content: bytes, sound: dict[str, Any], answers: Sequence[Answer]) -> None:
    """Draws the audio element and the component that follows it.

    Args:
        recording: its name.
        content: WAV file, as `wav` makes it.
        sound: of `picture`.
        answers: one for each model.
    """
    with st.container(key=AUDIO_KEY):
        st.audio(content, format="audio/wav", alt=f"Recording {recording}")
    panels = [panel(answer) for answer in answers]
    label = f"Waveform, spectrogram and timeline of {tiers.one_line(recording)}"
    data = {**sound, "panels": panels, "audio_key": AUDIO_KEY, "label": label, "hint": _HINT}
    _component()(data=data, key="player")


def wav(samples: Float32[np.ndarray, " time"], rate_hz: int) -> bytes:
    """A WAV file with 16-bit samples, which every browser plays; beyond full scale they are clipped."""
    file = io.BytesIO()
    with wave.open(file, "wb") as written:
        written.setnchannels(1)
        written.setsampwidth(2)
        written.setframerate(rate_hz)
        written.writeframes((np.clip(samples, -1.0, 1.0) * 32_767).astype("<i2").tobytes())
    return file.getvalue()


def picture(samples: Float32[np.ndarray, " time"], rate_hz: int) -> dict[str, Any]:
    """Waveform and spectrogram as the component takes them: few bytes, base64.

    Args:
        samples: mono, full scale 1.
        rate_hz: of the samples.
    """
    summary = SoundSummary(len(samples) / rate_hz, rate_hz)
    summary.add(samples)
    peak = max(_SMALLEST_PEAK, float(np.abs(samples).max()))
    low, high = ((_LOUDEST * part / peak).round().astype(np.int8) for part in (summary.low, summary.high))
    levels = summary.spectrogram_db()
    per_bin = -(-levels.shape[1] // _BINS)
    levels = levels[:, : levels.shape[1] // per_bin * per_bin].reshape(len(levels), -1, per_bin).mean(axis=2)
    top = float(np.percentile(levels, 99.9))
    values = (255 * np.clip((levels - top) / _RANGE_DB + 1.0, 0.0, 1.0)).astype(np.uint8)
    return {
        "duration_s": len(samples) / rate_hz,
        "highest_khz": round(rate_hz / 2_000),
        "waveform": {"low": _text(low), "high": _text(high)},
        "spectrogram": {"columns": values.shape[0], "bins": values.shape[1], "values": _text(values)},
    }


def panel(answer: Answer) -> dict[str, Any]:
    """The timeline of one model as the component takes it: a row for each label."""
    rows = [tiers.one_line(label) for label in answer.timeline.labels]
    segments = [
        {
            "start_s": one.start_s,
            "end_s": one.end_s,
            "row": (row := list(answer.timeline.labels).index(one.emotion)),
            "label": rows[row],
            "percent": words.percent(one.confidence),
            "confidence": one.confidence,
            "color": COLORS[row % len(COLORS)],
        }
        for one in answer.timeline.segments
        if one.emotion is not None
    ]
    return {"title": f"Timeline by {answer.model}", "rows": rows, "segments": segments}


def _text(values: np.ndarray) -> str:
    return base64.b64encode(values.tobytes()).decode()
