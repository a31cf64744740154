"""A whole ensemble run: one compilation, a table of members and their vote, one model folder, one call to predict."""

import csv
import dataclasses
import json

import numpy as np
import pytest

from tests import runs
from tests.experiments.test_crossval import SMALL, predictions
from tests.voices import write_folder
from voxjax.config import GuardConfig, MemberConfig
from voxjax.inference.predictor import EmotionPredictor
from voxjax.reporting import run_report

MIX = (MemberConfig("lstm", SMALL.model), MemberConfig("baseline", {"filters": (4,), "dense": (6,)}, {"dropout": 0.1}))


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    corpus = write_folder(folder / "corpus")
    config = dataclasses.replace(
        SMALL, name="mix", n_members=3, members=MIX, vote="validation", member_execution="vmap"
    )
    return runs.train(config, corpus, folder / "run", folder / "cache", "new"), folder


def test_members_and_vote_are_reported_and_compiled_once(whole):
    figures, folder = whole
    assert figures["compiles"] == 1 and figures["member_execution"] == "single+vmap"
    with (folder / "run/report/members.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["name"] for row in rows] == ["lstm 1", "baseline 1", "lstm 2", "vote"]
    assert sum(float(row["weight"]) for row in rows[:3]) == pytest.approx(1)
    printed = run_report.printout(figures)
    assert "lstm 2" in printed and "vote" in printed and "Two members differ on" in printed
    page = (folder / "run/report/report.html").read_text()
    assert "baseline 1" in page and "validation weights" in page
    assert figures["parameters"] == sum(row["parameters"] for row in figures["members"])
    lines = [json.loads(line) for line in (folder / "run/metrics.jsonl").read_text().splitlines()]
    assert [len(line["members"]) for line in lines] == [3] * 4


def test_one_model_folder_predicts_the_reported_vote(whole):
    _, folder = whole
    predictor = EmotionPredictor(folder / "run/model")
    for clip, probabilities in predictions(folder / "run").items():
        answer = predictor.predict(folder / "corpus" / clip)
        np.testing.assert_allclose(list(answer["probabilities"].values()), probabilities, atol=2e-3)


def test_the_report_warns_of_a_collapse(whole, tmp_path):
    """With a very high learning rate, the network predicts one class for all clips."""
    _, folder = whole
    hyper = dataclasses.replace(SMALL.hyper, l2=50.0, learning_rate=0.05, warmup_fraction=0.0, ema_decay=0.0)
    config = dataclasses.replace(
        SMALL,
        hyper=hyper,
        guard=GuardConfig(after_epochs=0, patience_epochs=2),
        train=dataclasses.replace(SMALL.train, epochs=6, valid_fraction=0.5),
    )
    figures = runs.train(config, folder / "corpus", tmp_path / "run", folder / "cache", "new")
    assert any("Training collapsed" in warning and "of validation clips" in warning for warning in figures["warnings"])
    assert "Training collapsed" in (tmp_path / "run/report/report.html").read_text()
    assert "collapsed" in figures["members"][0]["status"]
