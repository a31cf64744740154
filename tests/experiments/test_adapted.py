"""The protocol `adapted`: the members of `corpus`, whose scalers another corpus's clips give, without labels."""

import dataclasses

import numpy as np
import pytest
import soundfile

from tests import runs
from tests.voices import write_folder
from voxjax import EmotionPredictor
from voxjax.config import Config, FrameFeatures, OfflineAugmentConfig, TrainConfig
from voxjax.data import guard, synthetic
from voxjax.errors import UsageError
from voxjax.experiments import crossval
from voxjax.pipeline.folds import make_fold

SMALL = Config(
    name="small",
    corpus="folder",
    test_corpus="emodb",
    protocol="adapted",
    architecture="lda",
    features=FrameFeatures(mels=16),
    offline_augment=OfflineAugmentConfig(augmentation_factor=0),
    train=TrainConfig(valid_fraction=0.3),
)
CORPUS = dataclasses.replace(SMALL, protocol="corpus")
PLAN = crossval.CrossvalPlan(seeds=1, parallel_folds="all")
SPEAKERS = ("03", "08", "09")  # of EmoDB
LETTERS = {"angry": "W", "sad": "T", "neutral": "N"}


@pytest.fixture(scope="module")
def corpora(tmp_path_factory):
    """One of three speakers; and other clips of three, 20 dB quieter and filtered by a first difference."""
    root = write_folder(tmp_path_factory.mktemp("corpora"), labels=tuple(LETTERS), takes=5)
    (root / "emodb").mkdir()
    for i, name in enumerate(SPEAKERS):
        for label, letter in LETTERS.items():
            for take, version in enumerate("abcde"):
                samples = synthetic.render(synthetic.SPEAKERS[i], label, 50 + take)
                path = root / "emodb" / f"{name}a01{letter}{version}.wav"
                other = 0.1 * np.diff(samples, prepend=0.0)
                soundfile.write(path, other, synthetic.SAMPLE_RATE_HZ, subtype="FLOAT")
    return root


def crossvalidated(config, corpora, tmp_path_factory):
    folder = tmp_path_factory.mktemp(config.protocol)
    return runs.crossval(config, PLAN, corpora, folder / "run", folder / "cache", "new"), folder


@pytest.fixture(scope="module")
def adapted(corpora, tmp_path_factory):
    return crossvalidated(SMALL, corpora, tmp_path_factory)


def test_the_report_says_what_was_adapted_and_has_a_curve_from_the_figures_of_corpus(
    adapted, corpora, tmp_path_factory
):
    figures, folder = adapted
    plain, _ = crossvalidated(CORPUS, corpora, tmp_path_factory)
    assert (figures["protocol"], plain["protocol"]) == ("adapted", "corpus") and "adaptation" not in plain
    rows = {row["known"]: row for row in figures["adaptation"]["rows"]}
    assert [(known, row["n"]) for known, row in rows.items()] == [(0, 45), (10, 175), (20, 125), ("all", 45)]
    for known, expected in ((0, plain), ("all", figures)):
        assert (rows[known]["uar"], rows[known]["accuracy"]) == (expected["uar"], expected["accuracy"])
        assert rows[known]["ece"] == pytest.approx(expected["ece_calibrated"])
    assert figures["uar"] > plain["uar"] + 0.2
    page = (folder / "run/report/report.html").read_text()
    assert figures["adaptation"]["note"] in page and "but adapted to without labels" in page
    assert "transductive" in figures["adaptation"]["note"]


def test_a_trained_model_is_that_of_corpus_and_adapts_to_the_same_answers(corpora, tmp_path, adapted):
    for config in (SMALL, CORPUS):
        runs.train(config, corpora, tmp_path / config.protocol, tmp_path / "cache", "new")
    models = [EmotionPredictor(tmp_path / config.protocol / "model") for config in (SMALL, CORPUS)]
    paths = sorted((corpora / "emodb").iterdir())
    assert models[0].predict(paths[0])["probabilities"] == models[1].predict(paths[0])["probabilities"]
    made, names = models[0].adapted(paths), {"W": "angry", "T": "sad", "N": "neutral"}
    right = [one["emotion"] == names[path.stem[5]] for one, path in zip(made.predict_many(paths), paths, strict=True)]
    assert np.mean(right) == pytest.approx(adapted[0]["accuracy"], abs=0.03)


def test_clips_outside_the_test_corpus_and_known_clips_among_the_tested_are_leaks(corpora, tmp_path):
    dataset = runs.load(SMALL, corpora, tmp_path / "cache")
    split = make_fold(runs.spec(SMALL, corpora, tmp_path / "cache"), dataset, 0, 0).split
    guard.check_adapted(dataset.manifest, split, split.test, split.test)
    guard.check_adapted(dataset.manifest, split, split.test[:5], split.test[5:])
    for known, tested in ((split.train, split.test), (split.test[:5], split.test)):
        with pytest.raises(guard.LeakError):
            guard.check_adapted(dataset.manifest, split, known, tested)


def test_what_cant_be_adapted_is_wrong_use(corpora, tmp_path):
    config = dataclasses.replace(SMALL, features=FrameFeatures(mels=16, centre="clip"))
    with pytest.raises(UsageError, match="a corpus's statistics can centre"):
        runs.crossval(config, PLAN, corpora, tmp_path, tmp_path / "cache", "new")
    with pytest.raises(UsageError, match="protocol adapted: expected a corpus to test on"):
        runs.spec(dataclasses.replace(SMALL, test_corpus=""), corpora, tmp_path / "cache")
