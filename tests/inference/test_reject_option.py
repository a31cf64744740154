"""Refused answers: named nowhere, counted in the report, by thresholds that the model brings."""

import csv
import json

import numpy as np
import pytest

from tests.inference import test_predictor as parts
from tests.reporting import test_run_report as test_report
from voxjax import EmotionPredictor
from voxjax.artifacts import model_folder
from voxjax.errors import UsageError, VoxJaxError
from voxjax.inference.formats import FORMATS, Layout
from voxjax.metrics import selective
from voxjax.reporting import run_report


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    meta = {"name": "tiny", "reject": {"0.7": 0.5, "0.9": None}}
    views = (model_folder.TrainedFeatures(parts.CONFIG),)
    trained = model_folder.TrainedModel("optimized", parts.SMALL, parts.LABELS, views, 1.0, [parts.member(0)], meta)
    model_folder.save(folder, trained)
    return folder


@pytest.fixture(scope="module")
def sounds():
    return [(parts.voice(0.4 + 0.2 * seed, seed), parts.RATE_HZ) for seed in range(6)]


def test_answers_below_the_confidence_name_no_emotion(model, sounds):
    plain = list(EmotionPredictor(model).predict_many(sounds))
    least = float(np.median([answer["confidence"] for answer in plain]))
    careful = list(EmotionPredictor(model, reject_below=least).predict_many(sounds))
    assert 0 < sum(answer["rejected"] for answer in careful) < len(sounds)
    for before, after in zip(plain, careful, strict=True):
        assert after["rejected"] == (before["confidence"] < least) == (after["emotion"] is None)
        assert after["probabilities"] == before["probabilities"] and "rejected" not in before


def test_every_form_says_that_an_answer_was_refused(model):
    predictor = EmotionPredictor(model, reject_below=1.0)
    answer = {"path": "a.wav", **predictor.predict((parts.voice(0.5), parts.RATE_HZ))}
    layout = Layout(predictor.labels, 5)
    text = FORMATS["text"].row(layout, answer)
    assert text.startswith("a.wav  uncertain") and all(label in text for label in parts.LABELS)
    told = json.loads(FORMATS["json"].row(layout, answer))
    assert told["emotion"] is None and told["rejected"] is True and len(told["probabilities"]) == 3
    head = next(FORMATS["csv"].header(layout))
    (row,) = csv.DictReader([head, FORMATS["csv"].row(layout, answer)])
    assert row["emotion"] == "" and float(row["confidence"]) == pytest.approx(answer["confidence"], abs=1e-6)


def test_the_models_own_thresholds_are_asked_for_by_the_share_right(model, tmp_path):
    predictor = EmotionPredictor(model)
    assert predictor.threshold(0.7) == 0.5
    with pytest.raises(VoxJaxError, match=r"expected one of 0\.7, 0\.9, found 0\.6"):
        predictor.threshold(0.6)
    with pytest.raises(VoxJaxError, match="90% of answers right"):
        predictor.threshold(0.9)
    older = EmotionPredictor(parts.saved(tmp_path, parts.member(0)))
    with pytest.raises(VoxJaxError, match="trained with thresholds"):
        older.threshold(0.7)
    with pytest.raises(UsageError, match=r"from 0\.0 to 1\.0"):
        EmotionPredictor(model, reject_below=60)


def test_command_takes_a_confidence_or_a_target_accuracy_and_not_both(model, tmp_path):
    parts.soundfile.write(tmp_path / "a.wav", parts.voice(0.6), parts.RATE_HZ)
    done = parts.script(tmp_path / "a.wav", f"--model={model}", "--reject_below=1")
    assert done.returncode == 0 and "uncertain" in done.stdout
    done = parts.script(tmp_path / "a.wav", f"--model={model}", "--reject_below=1", "--target_accuracy=0.7")
    assert done.returncode == 2 and "leave one out" in done.stderr
    done = parts.script(tmp_path / "a.wav", f"--model={model}", "--target_accuracy=0.95")
    assert done.returncode == 1 and "expected one of 0.7, 0.9" in done.stderr


def test_the_report_tells_how_thresholds_of_each_fold_hold(tmp_path):
    plain = test_report.run()
    assert "reject" not in run_report.write_report(tmp_path / "plain", plain)
    own = np.where(np.arange(len(plain.truth))[:, None] % 2, [0.0, 0.6, np.nan], [0.0, 0.7, np.nan])
    figures = run_report.write_report(tmp_path / "own", test_report.run(thresholds=own))
    everything, some, nothing = figures["reject"]
    assert [row["target"] for row in figures["reject"]] == list(selective.TARGETS)
    assert everything["coverage"] == 1.0 and everything["accuracy"] == pytest.approx(figures["accuracy"])
    assert 0 < some["coverage"] < 1 and some["accuracy"] > figures["accuracy"]
    assert some["threshold"] == pytest.approx(0.65) and some["n"] == round(some["coverage"] * figures["n"])
    assert nothing["threshold"] is None and nothing["accuracy"] is None and nothing["n"] == 0
    page = (tmp_path / "own/report.html").read_text()
    assert "none reaches it" in page and f"of {some['n']}" in page
