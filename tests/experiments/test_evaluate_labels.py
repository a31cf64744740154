"""Evaluating a model on a corpus with other labels: merged, foreign and restricted ones."""

import csv
import pathlib
import re

import numpy as np
import pytest

from tests.voices import write_folder
from voxjax import EmotionPredictor
from voxjax.data import label_mapping
from voxjax.experiments import evaluate, robustness

MODEL = pathlib.Path(__file__).resolve().parents[2] / "checkpoints/optimized"


def test_calm_counts_as_neutral_and_a_foreign_word_as_angry(tmp_path):
    write_folder(tmp_path, takes=1, speakers=2)
    (tmp_path / "folder/angry").rename(tmp_path / "folder/Wut")
    (tmp_path / "folder/sad").rename(tmp_path / "folder/boredom")
    places = (tmp_path / "run", tmp_path / "cache", "stop", None)
    request = evaluate.Request(MODEL, "folder", tmp_path, *places, "own", "Wut=angry,calm=neutral")
    figures = evaluate.evaluate(request)
    assert figures["labels"] == ["neutral", "happy", "sad", "angry", "fearful", "disgust", "surprised"]
    assert figures["n"] == 4 and figures["per_class"]["angry"]["n"] == figures["per_class"]["neutral"]["n"] == 2
    page = re.sub(r"\s+", " ", (tmp_path / "run/report/report.html").read_text())
    assert "Wut=angry,calm=neutral" in page and "calm as neutral (2), Wut as angry (2)" in page
    assert "neutral and calm as neutral" in page
    assert "2 clips have labels that the model does not have and are left out: boredom (2)." in page
    with (tmp_path / "run/report/predictions.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    predictor = EmotionPredictor(MODEL)
    for row in rows:
        expected = predictor.predict(tmp_path / row["clip"])["probabilities"]
        assert float(row["neutral"]) == pytest.approx(expected["neutral"] + expected["calm"], abs=1e-5)
        assert float(row["angry"]) == pytest.approx(expected["angry"], abs=1e-5)
    # Restricted to two labels, as `--robustness` does for each corruption.
    mapping = label_mapping.of(predictor.labels, ("angry", "sad"), "shared", {})
    clips = robustness.Clips([tmp_path / row["clip"] for row in rows], np.ones(4, int), membership=mapping.membership)
    answers = [predictor.predict(path)["probabilities"] for path in clips.paths]
    fraction = np.mean([answer["angry"] > answer["sad"] for answer in answers])
    kept, recordings = robustness._decoded(clips, 16_000, "stop")
    found = robustness._figures(("none", "-"), predictor, [(one, 16_000) for one in recordings], kept)
    assert mapping.labels == ("sad", "angry") and found["accuracy"] == pytest.approx(fraction)
