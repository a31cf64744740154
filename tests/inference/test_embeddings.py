"""Vectors of clips: inputs of the last layers, for every shipped model, and the file of arrays."""

import pathlib
import subprocess

import numpy as np
import pytest
import soundfile

from tests import zygote
from tests.inference.test_predictor import LABELS, RATE_HZ, ROOT, member, probabilities, saved, voice
from voxjax import EmotionPredictor
from voxjax.artifacts import model_folder

SHIPPED = sorted(path.parent for path in (ROOT / "checkpoints").glob("*/model.json"))
SIZES = {
    "ensemble": 768,
    "optimized": 128,
    "whisper_known": 6_144,
    "whisper_robust": 12_288,
    "whisper_statistics": 512,
}


def test_the_last_layer_makes_the_logits_from_the_vector(tmp_path):
    folder = saved(tmp_path, member(0), member(1))
    answer = EmotionPredictor(folder).predict((voice(0.7), RATE_HZ), embeddings=True)
    assert answer["embedding"].dtype == np.float32 and answer["embedding"].shape == (12,)
    kernels = [one.variables["params"]["Dense_1"] for one in model_folder.load(folder).members]
    logits = [v @ k["kernel"] + k["bias"] for v, k in zip(np.split(answer["embedding"], 2), kernels, strict=True)]
    each = [np.exp(one) / np.exp(one).sum() for one in logits]
    np.testing.assert_allclose(np.mean(each, axis=0), probabilities(answer), atol=1e-5)
    vote = np.mean(each, axis=0)
    apart = (-(vote * np.log(vote)).sum() + np.mean([(p * np.log(p)).sum() for p in each])) / np.log(3)
    assert answer["disagreement"] == pytest.approx(apart, abs=1e-5) and apart > 1e-3
    assert answer["entropy"] == pytest.approx(-(vote * np.log(vote)).sum() / np.log(3), abs=1e-5)


def test_a_long_clip_has_the_mean_of_its_windows_and_answers_stay_the_same(tmp_path):
    predictor = EmotionPredictor(saved(tmp_path, member(0)))
    parts = [part - part.mean() for part in np.array_split(voice(2.7), 3)]
    samples = np.concatenate(parts)
    answer = predictor.predict((samples, RATE_HZ), embeddings=True)
    each = [predictor.predict((part, RATE_HZ), embeddings=True)["embedding"] for part in parts]
    np.testing.assert_allclose(answer.pop("embedding"), np.mean(each, axis=0), atol=1e-5)
    assert answer == predictor.predict((samples, RATE_HZ)) and answer["disagreement"] is None


@pytest.mark.parametrize("folder", SHIPPED, ids=lambda path: path.name)
def test_every_shipped_model_has_vectors(folder):
    predictor = EmotionPredictor(folder)
    clips = [(voice(duration_s, seed), RATE_HZ) for seed, duration_s in enumerate((1.0, 1.3))]
    vectors = [answer["embedding"] for answer in predictor.predict_many(clips, embeddings=True)]
    assert {vector.shape for vector in vectors} == {(SIZES[folder.name],)}
    assert all(np.isfinite(vector).all() and vector.dtype == np.float32 for vector in vectors)
    assert np.abs(vectors[0] - vectors[1]).max() > 1e-3


def test_the_file_of_arrays_holds_all_without_pickle(tmp_path):
    model = saved(tmp_path / "model", member(0))
    for i in range(2):
        soundfile.write(tmp_path / f"é{i}.wav", voice(0.4, i), RATE_HZ)
    (tmp_path / "list.csv").write_text("path,who\né0.wav,Zoë\ngone.wav,x\né1.wav,\n", encoding="utf-8")
    command = [zygote.python(), "scripts/predict.py", str(tmp_path / "list.csv"), f"--model={model}", "--format=npz"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2 and "add --out=FILE" in done.stderr
    out = tmp_path / "out.npz"
    done = subprocess.run([*command, f"--out={out}"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1 and "1 of 3 could not be answered; its array 'errors'" in done.stderr
    arrays = dict(np.load(out, allow_pickle=False))
    assert arrays["paths"].tolist() == ["é0.wav", "gone.wav", "é1.wav"] and tuple(arrays["labels"]) == LABELS
    assert arrays["column_who"].tolist() == ["Zoë", "x", ""] and str(arrays["model"]) == str(model)
    answers = list(EmotionPredictor(model).predict_many([tmp_path / f"é{i}.wav" for i in range(2)], embeddings=True))
    np.testing.assert_allclose(arrays["embeddings"][::2], [one["embedding"] for one in answers], atol=1e-6)
    np.testing.assert_allclose(arrays["probabilities"][::2], [probabilities(one) for one in answers], atol=1e-6)
    assert np.isnan(arrays["embeddings"][1]).all() and np.isnan(arrays["disagreement"]).all()
    assert [bool(error) for error in arrays["errors"]] == [False, True, False]
    assert pathlib.Path(out).read_bytes()[:2] == b"PK"
