"""Answers say how far a clip lies from the training clips, and warn where it is unlike them."""

import json
import logging
import pathlib
import shutil

import jax.numpy as jnp
import numpy as np
import pytest
import soundfile

from voxjax import EmotionPredictor
from voxjax.artifacts import model_folder
from voxjax.audio import features, normalize, pooling
from voxjax.audio.normalize import Scaler
from voxjax.config import EncoderFeatures, FrameFeatures, VectorFeatures
from voxjax.errors import VoxJaxError
from voxjax.inference import batched_forward, domain_check
from voxjax.inference.formats import FORMATS
from voxjax.inference.prediction_lines import Request, lines

MODEL = "checkpoints/optimized"
WARNING = "unlike the recordings that the model was trained on"


@pytest.fixture(scope="module")
def predictor():
    return EmotionPredictor(MODEL)


@pytest.fixture(scope="module")
def recordings(ravdess_dir, tmp_path_factory):
    """A clip of RAVDESS, and the same in noise as loud as the voice."""
    folder = tmp_path_factory.mktemp("recordings")
    samples, rate_hz = soundfile.read(sorted((ravdess_dir / "Actor_05").iterdir())[0])
    noise = np.random.default_rng(0).normal(size=len(samples)) * np.sqrt(np.mean(samples**2))
    soundfile.write(folder / "clean.wav", samples, rate_hz)
    soundfile.write(folder / "noisy.wav", samples + noise, rate_hz)
    return folder


def test_only_the_unlike_clip_has_a_warning(predictor, recordings):
    clean, noisy = (predictor.predict(recordings / f"{name}.wav") for name in ("clean", "noisy"))
    assert clean["distance"] < 1 < noisy["distance"]
    assert clean["warnings"] == [] and len(noisy["warnings"]) == 1 and WARNING in noisy["warnings"][0]


def test_the_distance_does_not_depend_on_other_clips(predictor, recordings):
    alone = [predictor.predict(recordings / f"{name}.wav")["distance"] for name in ("clean", "noisy")]
    together = [
        answer["distance"] for answer in predictor.predict_many([recordings / "clean.wav", recordings / "noisy.wav"])
    ]
    np.testing.assert_allclose(alone, together, rtol=1e-4)


@pytest.mark.parametrize("style", ["text", "json", "csv"])
def test_every_format_has_the_warning(predictor, recordings, style):
    rows = list(lines(predictor, Request([str(recordings)], FORMATS[style]), lambda *_: None))
    clean, noisy = rows[-2:]
    assert WARNING not in clean and WARNING in noisy
    if style == "json":
        assert json.loads(noisy)["distance"] > 1
    if style == "csv":
        assert rows[0].split(",")[-3:] == ["distance", "warnings", "error"]


def test_a_folder_without_a_density_gives_no_distance(recordings, tmp_path):
    shutil.copytree(MODEL, tmp_path / "model")
    description = json.loads((tmp_path / "model/model.json").read_text())
    del description["density_sha256"], description["digest"]
    (tmp_path / "model/model.json").write_text(json.dumps({**description, "format": 5}))
    answer = EmotionPredictor(tmp_path / "model").predict(recordings / "noisy.wav")
    assert answer["distance"] is None and answer["warnings"] == []


def test_a_density_of_other_bytes_is_an_error(tmp_path):
    shutil.copytree(MODEL, tmp_path / "model")
    (tmp_path / "model/density.npz").write_bytes(b"other")
    with pytest.raises(VoxJaxError, match=r"density\.npz"):
        model_folder.load(tmp_path / "model")


def test_a_threshold_that_rejects_nothing_is_said(caplog):
    with caplog.at_level(logging.WARNING, "voxjax"):
        assert EmotionPredictor("checkpoints/whisper_statistics", target_accuracy=0.8).reject_below == 0.0
    assert "rejects nothing" in caplog.text
    caplog.clear()
    EmotionPredictor(MODEL, target_accuracy=0.8)
    assert "rejects nothing" not in caplog.text


@pytest.mark.parametrize(
    ("config", "over_time"),
    [
        (FrameFeatures(), True),
        (VectorFeatures(), False),
        (EncoderFeatures(encoder="whisper_tiny_en", blocks=(1,)), True),
        (EncoderFeatures(encoder="whisper_tiny_en", blocks=(1,), pooling="statistics"), False),
    ],
)
def test_moments_are_summarised_and_other_positions_are_kept(config, over_time):
    assert domain_check.is_over_time(config) is over_time


def test_a_summary_does_not_depend_on_padding():
    config = FrameFeatures(mels=16)
    samples = np.random.default_rng(0).normal(0, 0.1, (1, 24_000)).astype(np.float32)
    values, lengths = features.extract(config, samples, np.array([16_000], np.int32))
    scaler = (np.zeros((1, values.shape[-1]), np.float32), np.ones((1, values.shape[-1]), np.float32))
    padded = domain_check.summaries(True, Scaler(*scaler), values, lengths)
    exact = domain_check.summaries(True, Scaler(*scaler), values[:, : int(lengths[0])], lengths)
    np.testing.assert_allclose(padded, exact, rtol=1e-5)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_not_finite_are_an_error(tmp_path, value):
    """With a matching hash: as a run that diverged, or a conversion, would leave them."""
    trained = model_folder.load(pathlib.Path(MODEL))
    kernel = trained.members[0].variables["params"]["Dense_1"]["kernel"]
    kernel[0, 0] = value
    model_folder.save(tmp_path / "model", trained)
    with pytest.raises(VoxJaxError, match="finite"):
        EmotionPredictor(tmp_path / "model")


def test_logits_that_are_not_finite_are_an_error_of_their_clip_alone(predictor, recordings, monkeypatch):
    real = batched_forward.outputs

    def outputs(feature_set, windows, *rest):
        found = real(feature_set, windows, *rest)
        found.logits[1] = np.nan
        return found

    monkeypatch.setattr(batched_forward, "outputs", outputs)
    paths = [recordings / "clean.wav", recordings / "noisy.wav"]
    good, bad = predictor.predict_many(paths, lambda source, error: {"error": str(error)})
    assert good["emotion"] in predictor.labels
    assert "noisy.wav" in bad["error"] and "not finite" in bad["error"]


def test_a_summary_over_time_is_the_mean_and_deviation_of_pooling():
    random = np.random.default_rng(0)
    values, lengths = random.normal(3, 2, (4, 30, 5)).astype(np.float16), np.array([30, 7, 1, 0], np.int32)
    values[1, 7:] = np.nan
    scaler = Scaler(np.full((1, 5), 3.0, np.float32), np.full((1, 5), 2.0, np.float32))
    mask = jnp.arange(30)[None] < lengths[:, None]
    standardised = normalize.standardised(scaler, jnp.asarray(values, jnp.float32), mask)
    expected = pooling.mean_and_deviation(standardised, mask.astype(jnp.float32))
    np.testing.assert_allclose(domain_check.summaries(True, scaler, values, lengths), expected, atol=1e-5)
