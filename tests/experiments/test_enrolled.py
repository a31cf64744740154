"""The protocol `enrolled`: a curve over known clips that begins with the answers to strangers."""

import csv
import dataclasses
import json

import numpy as np
import pytest
import soundfile

from tests import runs
from tests.voices import write_folder
from voxjax.config import Config, FrameFeatures, OfflineAugmentConfig, TrainConfig
from voxjax.data import synthetic
from voxjax.errors import UsageError
from voxjax.experiments import crossval
from voxjax.pipeline.folds import make_fold

SMALL = Config(
    name="small",
    corpus="folder",
    protocol="enrolled:loso",
    architecture="lda",
    features=FrameFeatures(mels=16, centre="speaker"),
    offline_augment=OfflineAugmentConfig(augmentation_factor=0),
    train=TrainConfig(valid_fraction=0.3),
)
QUIET = synthetic.SPEAKERS[0].name
PLAN = crossval.CrossvalPlan(seeds=1, parallel_folds="all")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """Three speakers; the first has a microphone that is 12 dB quieter."""
    root = write_folder(tmp_path_factory.mktemp("corpus"), takes=3)
    for path in root.glob(f"folder/*/{QUIET}/*.wav"):
        samples, rate_hz = soundfile.read(path)
        soundfile.write(path, 0.25 * samples, rate_hz, subtype="FLOAT")
    return root


@pytest.fixture(scope="module")
def run(corpus, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    return runs.crossval(SMALL, PLAN, corpus, folder / "run", folder / "cache", "new"), folder


def test_the_curve_is_reported_apart_from_the_figures_of_strangers(run):
    figures, folder = run
    report = folder / "run/report"
    curve = json.loads((report / "enrolment.json").read_text())
    assert curve["protocol"] == figures["protocol"] == "enrolled:loso" and curve["rows"] == figures["enrolment"]
    assert [(row["known"], row["n"]) for row in curve["rows"]] == [(0, 27), (3, 90), (5, 60), ("all", 27)]
    assert (report / "enrolment.png").read_bytes().startswith(b"\x89PNG")
    for text in (curve["note"], (report / "report.html").read_text()):
        assert "without their labels" in text and "is not tested" in text


def test_the_report_of_a_closed_form_model_has_no_training_chart_and_no_values_of_steps(run):
    figures, folder = run
    report = folder / "run/report"
    page = (report / "report.html").read_text()
    assert figures["chosen_by"] == "nothing: fitted in closed form"
    assert not (report / "history.png").exists() and "<h2>Training</h2>" not in page
    listed = page[page.index("<h2>Configuration</h2>") :]
    assert not [name for name in ("hyper.", "guard.", "train.epochs", "<dt>loss<") if name in listed]
    assert all(name in listed for name in ("train.valid_fraction", "features.mels", "offline_augment."))
    assert "learning_rate" in (folder / "run/config.json").read_text()


def test_without_known_clips_the_answers_are_those_of_strangers(run):
    figures, folder = run
    first = figures["enrolment"][0]
    assert (first["uar"], first["accuracy"]) == (figures["uar"], figures["accuracy"])
    rows = list(csv.DictReader((folder / "run/report/predictions.csv").read_text().splitlines()))
    right: dict[str, list[bool]] = {}
    for row in rows:
        predicted = max(figures["labels"], key=lambda label, row=row: float(row[label]))
        right.setdefault(row["speaker"], []).append(predicted == row["truth"])
    accuracies = [np.mean(own) for own in right.values()]
    assert sorted(first["per_speaker"].values()) == pytest.approx(sorted(accuracies))


def test_a_planted_offset_of_a_speaker_is_removed(run):
    by_known = {row["known"]: row["per_speaker"] for row in run[0]["enrolment"]}
    name = next(one for one in by_known[0] if QUIET.lower() in one.lower())
    assert by_known["all"][name] > by_known[0][name] + 0.2


def test_members_are_trained_on_features_centred_by_speaker(corpus, run):
    """The scaler's mean of each training speaker's features is 0 up to what the shrinkage leaves."""
    spec = runs.spec(SMALL, corpus, run[1] / "cache")
    dataset = runs.load(SMALL, corpus, run[1] / "cache")
    fold = make_fold(spec, dataset, 0, 0)
    data, rows = fold.data[0], dataset.feature_rows[0].rows
    speakers = dataset.manifest.speaker_index[rows.clip_index]
    assert not data.offsets[speakers[data.test.rows]].any() and not data.offsets[speakers[data.valid.rows]].any()
    for speaker in set(speakers[data.rows].tolist()):
        own = [i for i in data.rows if speakers[i] == speaker]
        means = [rows.features[i, 0, : rows.lengths[i, 0]].mean(0) for i in own]
        left = (np.mean(means, axis=0) - data.offsets[speaker, 0] - data.scaler.mean[0]) / data.scaler.std[0]
        assert np.abs(data.offsets[speaker]).max() > 0.5 and np.abs(left).max() < 0.4


def test_features_that_no_persons_mean_changes_are_refused(corpus, tmp_path):
    for centre in ("clip", "none"):
        config = dataclasses.replace(SMALL, features=FrameFeatures(mels=16, centre=centre))
        with pytest.raises(UsageError, match="a person's mean can centre"):
            runs.crossval(config, PLAN, corpus, tmp_path / centre, tmp_path / "cache", "new")
