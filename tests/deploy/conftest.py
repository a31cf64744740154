"""Real clips, the predictor's answers to them, and exported models: each is made once for all tests of exports."""

import pathlib

import numpy as np
import pytest

from voxjax.artifacts import model_folder
from voxjax.audio import io
from voxjax.deploy import EXPORT_FORMATS, base
from voxjax.inference.predictor import EmotionPredictor
from voxjax.inference.waveform_graph import waveform_graph

ROOT = pathlib.Path(__file__).resolve().parents[2]
RATE_HZ = 16_000
MODELS = ("whisper_statistics", "ensemble")


def graph_of(model):
    """The graph of a shipped model."""
    return waveform_graph(model, model_folder.load(ROOT / "checkpoints" / model))


@pytest.fixture(scope="session")
def clips(ravdess_dir):
    """Real speech of 0.2, 3 and 15 s, the last in three windows; near silence, and noise: float32 [time] by name."""
    paths = sorted((ravdess_dir / "Actor_07").iterdir())[::9]
    speech = np.concatenate([io.read(path, RATE_HZ) for path in paths])
    loud = int(np.argmax(np.abs(speech)))
    noise = np.random.default_rng(0).normal(size=3 * RATE_HZ).astype(np.float32)
    return {
        "0.2 s": speech[loud - RATE_HZ // 10 : loud + RATE_HZ // 10],
        "3 s": speech[: 3 * RATE_HZ] + np.float32(0.01),  # and a constant offset
        "15 s": speech[: 15 * RATE_HZ],
        "near silence": 3e-4 * noise,
        "noise": 0.1 * noise,
    }


@pytest.fixture(scope="session")
def predicted(clips):
    """The predictor's probabilities by model, then sound."""
    predictors = {model: EmotionPredictor(ROOT / "checkpoints" / model) for model in MODELS}
    return {
        model: {
            name: list(predictor.predict((samples, RATE_HZ))["probabilities"].values())
            for name, samples in clips.items()
        }
        for model, predictor in predictors.items()
    }


@pytest.fixture(scope="session")
def exported():
    """The bytes of a shipped model's file, by model and format."""
    made = {}

    def of(model, format_name):
        if (model, format_name) not in made:
            graph = graph_of(model)
            meta = model_folder.load(ROOT / "checkpoints" / model).meta
            made[model, format_name] = EXPORT_FORMATS[format_name].write(graph, base.metadata(graph, meta))
        return made[model, format_name]

    return of
