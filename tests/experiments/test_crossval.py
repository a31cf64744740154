"""All folds in one program: the predictions of separate runs, one compilation, and one pooled report."""

import csv
import dataclasses
import json

import numpy as np
import pytest

from tests import runs
from tests.voices import write_folder
from voxjax.config import Config, FrameFeatures, MemberConfig, OfflineAugmentConfig, TrainConfig
from voxjax.errors import UsageError
from voxjax.experiments import crossval

SMALL = Config(
    name="small",
    corpus="folder",
    architecture="lstm",
    model={"fold": 4, "project": 8, "lstm": (6,), "dense": (8,)},
    member_execution="map",  # compiles one member for all folds
    features=FrameFeatures(mels=16),
    offline_augment=OfflineAugmentConfig(augmentation_factor=1),
    train=TrainConfig(epochs=4, batch_size=8, valid_fraction=0.2, checkpoint_every_epochs=2),
)
ALL = crossval.CrossvalPlan(seeds=1, parallel_folds="all")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return write_folder(tmp_path_factory.mktemp("corpus"))


@pytest.fixture(scope="module")
def whole(corpus, tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    figures = runs.crossval(SMALL, ALL, corpus, folder / "run", folder / "cache", "new")
    return figures, folder


def predictions(workdir, fold=None):
    """Clip -> probabilities, of one fold or all."""
    with (workdir / "report/predictions.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if fold is None or row["fold"] == str(fold)]
    labels = list(rows[0])[4:]
    return {row["clip"]: [float(row[label]) for label in labels] for row in rows}


def test_every_clip_is_tested_once_in_one_compilation(whole):
    figures, folder = whole
    assert figures["n"] == 45 == len(predictions(folder / "run")) and figures["folds"] == 5
    assert figures["compiles"] == 1 and figures["member_execution"] == "map"
    assert len(figures["per_fold"]) == 5
    assert len((folder / "run/metrics.jsonl").read_text().splitlines()) == 4


def test_folds_in_one_program_equal_separate_runs(whole, corpus, tmp_path):
    _, folder = whole
    for fold in (0, 3):
        one = dataclasses.replace(SMALL, fold=fold)
        runs.train(one, corpus, tmp_path / str(fold), folder / "cache", "new")
        ours, theirs = predictions(folder / "run", fold), predictions(tmp_path / str(fold))
        assert ours.keys() == theirs.keys() and len(ours) == 9
        for clip, probabilities in ours.items():
            np.testing.assert_allclose(probabilities, theirs[clip], atol=1e-4)


def test_folds_in_two_programs_equal_folds_in_one(whole, corpus, tmp_path):
    figures, folder = whole
    parts = runs.crossval(SMALL, crossval.CrossvalPlan(1, "3"), corpus, tmp_path / "run", folder / "cache", "new")
    assert parts["compiles"] == 2 and parts["confusion"] == figures["confusion"]
    ours, theirs = predictions(folder / "run"), predictions(tmp_path / "run")
    for clip, probabilities in ours.items():
        np.testing.assert_allclose(probabilities, theirs[clip], atol=1e-4)


def test_seeds_are_members_and_an_ensemble_votes_in_each_fold(corpus, tmp_path):
    two = dataclasses.replace(
        SMALL,
        n_members=2,
        members=(MemberConfig("lstm", SMALL.model), MemberConfig("lstm", SMALL.model, {"dropout": 0.1})),
        member_execution="vmap",
        protocol="random5",
        train=dataclasses.replace(SMALL.train, epochs=1),
    )
    figures = runs.crossval(two, crossval.CrossvalPlan(2, "all"), corpus, tmp_path / "run", tmp_path / "cache", "new")
    assert figures["seeds"] == [0, 1] and figures["n"] == 90 and figures["compiles"] == 1
    assert [row["name"] for row in figures["members"]] == ["lstm 1", "lstm 2"]
    assert 0 <= figures["diversity"]["disagreement"] <= 1 and figures["vote"]["weights"] == "equal"
    with (tmp_path / "run/report/members.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["name"] for row in rows] == ["lstm 1", "lstm 2", "vote"]
    assert float(rows[2]["uar"]) == pytest.approx(figures["uar"])


@pytest.mark.parametrize("wanted", ["0", "-1", "some", "2.5"])
def test_an_invalid_number_of_parallel_folds_is_an_error(corpus, tmp_path, wanted):
    with pytest.raises(UsageError, match="--parallel_folds"):
        runs.crossval(SMALL, crossval.CrossvalPlan(1, wanted), corpus, tmp_path / "run", tmp_path / "cache", "new")
    assert not (tmp_path / "run").exists()


def test_the_guides_split_leaks_and_the_report_warns_of_it(corpus, tmp_path):
    """Copies of a recording in training and test: allowed only under `guide`, counted, and reported."""
    config = dataclasses.replace(
        SMALL,
        protocol="guide",
        offline_augment=OfflineAugmentConfig(augmentation_factor=3),
        train=dataclasses.replace(SMALL.train, epochs=1),
    )
    figures = runs.train(config, corpus, tmp_path / "run", tmp_path / "cache", "new")
    assert figures["n"] == 36 and figures["protocol"] == "guide"  # a fifth of 45 clips times 4
    assert any("leak" in warning for warning in figures["warnings"])
    page = (tmp_path / "run/report/report.html").read_text()
    assert "of 36 test rows are copies of recordings that were trained on" in page
    assert "0 of 36" not in page
    meta = json.loads((tmp_path / "run/model/model.json").read_text())["meta"]
    assert meta["protocol"] == "guide"
