"""The reject option: no emotion below a threshold of the model, and counts of rejected answers in the report."""

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
    feature_sets = (model_folder.TrainedFeatures(parts.CONFIG),)
    trained = model_folder.TrainedModel(
        "optimized", parts.SMALL, parts.LABELS, feature_sets, 1.0, [parts.member(0)], meta
    )
    model_folder.save(folder, trained)
    return folder


@pytest.fixture(scope="module")
def recordings():
    return [(parts.voice(0.4 + 0.2 * seed, seed), parts.RATE_HZ) for seed in range(6)]


def test_answers_below_the_confidence_have_no_emotion(model, recordings):
    plain = list(EmotionPredictor(model).predict_many(recordings))
    least = float(np.median([answer["confidence"] for answer in plain]))
    rejecting = list(EmotionPredictor(model, reject_below=least).predict_many(recordings))
    assert 0 < sum(answer["rejected"] for answer in rejecting) < len(recordings)
    for before, after in zip(plain, rejecting, strict=True):
        assert after["rejected"] == (before["confidence"] < least) == (after["emotion"] is None)
        assert after["probabilities"] == before["probabilities"] and "rejected" not in before


def test_every_format_marks_a_rejected_answer(model):
    predictor = EmotionPredictor(model, reject_below=1.0)
    answer = {"path": "a.wav", **predictor.predict((parts.voice(0.5), parts.RATE_HZ))}
    layout = Layout(predictor.labels, 5)
    text = FORMATS["text"].row(layout, answer)
    assert text.startswith("a.wav  uncertain") and all(label in text for label in parts.LABELS)
    fields = json.loads(FORMATS["json"].row(layout, answer))
    assert fields["emotion"] is None and fields["rejected"] is True and len(fields["probabilities"]) == 3
    head = next(FORMATS["csv"].header(layout))
    (row,) = csv.DictReader([head, FORMATS["csv"].row(layout, answer)])
    assert row["emotion"] == "" and float(row["confidence"]) == pytest.approx(answer["confidence"], abs=1e-6)


def test_the_models_thresholds_are_found_by_target_accuracy(model, tmp_path):
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


def test_the_report_has_coverage_and_accuracy_of_each_target(tmp_path):
    plain = test_report.run()
    assert "reject" not in run_report.write_report(tmp_path / "plain", plain)
    own = np.where(np.arange(len(plain.truth))[:, None] % 2, [0.0, 0.6, np.nan], [0.0, 0.7, np.nan])
    figures = run_report.write_report(tmp_path / "own", test_report.run(thresholds=own))
    everything, some, none = figures["reject"]
    assert [row["target"] for row in figures["reject"]] == list(selective.TARGETS)
    assert everything["coverage"] == 1.0 and everything["accuracy"] == pytest.approx(figures["accuracy"])
    assert 0 < some["coverage"] < 1 and some["accuracy"] > figures["accuracy"]
    assert some["threshold"] == pytest.approx(0.65) and some["n"] == round(some["coverage"] * figures["n"])
    assert none["threshold"] is None and none["accuracy"] is None and none["n"] == 0
    page = (tmp_path / "own/report.html").read_text()
    assert "none reaches it" in page and f"of {some['n']}" in page
