"""Writes a model for another runtime, and keeps the file only if it answers as the predictor does."""

import statistics
import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from voxjax.artifacts import model_folder
from voxjax.data import synthetic
from voxjax.deploy import EXPORT_FORMATS
from voxjax.deploy.base import Run, metadata
from voxjax.errors import VoxJaxError, mismatch
from voxjax.inference.predictor import EmotionPredictor
from voxjax.inference.waveform_graph import waveform_graph
from voxjax.storage import atomic
from voxjax.storage.paths import AnyPath, locate

TOLERANCE = 1e-4  # of each probability
_SPEECH_S = (0.2, 3.0, 13.7)  # shorter than a syllable, a sentence, and several windows
_OTHER_S = 3.0  # of noise
_TIMED_S, _REPEATS = 3.0, 7
_NOISE, _FAINT = 0.1, 3e-4  # RMS; -70 dBFS is just above what counts as silence


class Exported(NamedTuple):
    """What was written, and how it compares with the predictor."""

    size_bytes: int
    clips: int  # that were compared
    difference: float  # the largest of any probability of any sound
    file_ms: float  # to answer 3 s of speech, the median of several calls
    predictor_ms: float


def export(model: str | None, format_name: str, out: AnyPath) -> Exported:
    """Writes a model folder as a file.

    Args:
        model: the folder; None is the default model.
        format_name: a key of `EXPORT_FORMATS`.
        out: the file; replaced if it exists.

    Raises:
        UsageError: at a model that also takes other modalities than sound.
        VoxJaxError: at a folder that is damaged, a package that is missing, or a file that does not answer as the
            predictor does, which is not kept.
    """
    predictor = EmotionPredictor(model)
    graph = waveform_graph(predictor.model, model_folder.load(locate(predictor.model)))
    chosen = EXPORT_FORMATS[format_name]
    content = chosen.write(graph, metadata(graph, dict(predictor.meta)))
    run = chosen.run(content)
    given = check_clips(graph.sample_rate_hz)
    difference = max(_difference(predictor, run, samples) for samples in given)
    if not difference <= TOLERANCE:  # NaN too
        do = "the file was not kept; please report the model and this line"
        expected = f"probabilities within {TOLERANCE:g} of those of voxjax predict"
        raise VoxJaxError(mismatch(str(out), expected, f"a difference of {difference:.2g}", do))
    atomic.write(out, content)
    timed = speech(_TIMED_S, graph.sample_rate_hz)
    predictor_ms = _milliseconds(lambda: predictor.predict((timed, graph.sample_rate_hz)))
    return Exported(len(content), len(given), difference, _milliseconds(lambda: run(timed)), predictor_ms)


def check_clips(rate_hz: int) -> list[Float[np.ndarray, " time"]]:
    """What a file is checked on: synthetic speech of several lengths, noise, and noise just above silence."""
    noise = np.random.default_rng(0).normal(size=round(_OTHER_S * rate_hz)).astype(np.float32)
    return [*(speech(seconds, rate_hz) for seconds in _SPEECH_S), _NOISE * noise, _FAINT * noise]


def speech(seconds: float, rate_hz: int) -> Float[np.ndarray, " time"]:
    """Sentences of synthetic voices, one after the other; at another rate than 16 kHz they are higher or lower."""
    size = round(seconds * rate_hz)
    parts, takes = [np.zeros(0, np.float32)], [(who, how) for how in synthetic.MANNERS for who in synthetic.SPEAKERS]
    while sum(map(len, parts)) < size:
        parts.append(synthetic.render(*takes[len(parts) % len(takes)], 0))
    return np.concatenate(parts)[:size]


def _difference(predictor: EmotionPredictor, run: Run, samples: Float[np.ndarray, " time"]) -> float:
    answer = predictor.predict((samples, predictor.sample_rate_hz))
    known = np.array([answer["probabilities"][label] for label in predictor.labels])
    return float(np.abs(run(samples) - known).max())


def _milliseconds(work: Callable[[], object]) -> float:
    work()
    taken = []
    for _ in range(_REPEATS):
        start = time.perf_counter()
        work()
        taken.append(time.perf_counter() - start)
    return 1e3 * statistics.median(taken)
