"""vote.py on reports and models written to disk."""

import dataclasses
import json
import pathlib
import subprocess

import numpy as np
import pytest

from tests import runs as running
from tests import zygote
from tests.evaluation.test_compare_runs import better, written
from tests.experiments.test_crossval import predictions
from tests.reporting.test_run_report import run as example
from tests.voices import write_folder
from voxjax import EmotionPredictor, models
from voxjax.artifacts import model_folder
from voxjax.config import Config, FrameFeatures, OfflineAugmentConfig, TrainConfig
from voxjax.errors import UsageError, VoxJaxError
from voxjax.experiments import evaluate, vote_runs

ROOT = pathlib.Path(__file__).resolve().parents[2]


def reported(folder, **changes):
    written(folder, **changes)
    (folder / "config.json").write_text(json.dumps({"name": folder.name}))
    return folder


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    root = tmp_path_factory.mktemp("runs")
    return reported(root / "a", logits=better(1.0)), reported(root / "b")


def test_the_vote_is_the_mean_of_calibrated_probabilities(runs, tmp_path):
    figures = vote_runs.vote(runs, tmp_path / "vote")
    first, second, voted = (predictions(folder) for folder in (*runs, tmp_path / "vote"))
    assert list(voted) == sorted(first)
    for clip, values in voted.items():
        np.testing.assert_allclose(values, (np.array(first[clip]) + second[clip]) / 2, atol=2e-6)
    assert figures["seeds"] == [0] and figures["protocol"] == "speaker5" and figures["parameters"] == 2 * 1234
    ours = [json.loads((folder / "report/metrics.json").read_text()) for folder in runs]
    assert [row["uar"] for row in figures["members"]] == pytest.approx([one["uar"] for one in ours])
    assert figures["vote"]["uar"] == pytest.approx(figures["uar"]) and figures["genders"] == ours[0]["genders"]
    assert figures["per_gender"] and not (tmp_path / "vote/model").exists()


def test_equal_priors_divide_by_the_class_counts_of_other_folds(tmp_path):
    """Clips of fold 0 by the counts of fold 1 and the reverse: labels of a clip's own fold are not used."""
    base = example()
    pair = [reported(tmp_path / "a", logits=better(1.0)), reported(tmp_path / "b")]
    vote_runs.vote(pair, tmp_path / "training")
    figures = vote_runs.vote(pair, tmp_path / "equal", "equal")
    training, adjusted = (predictions(tmp_path / name) for name in ("training", "equal"))
    assert figures["model"].endswith(", under equal priors")
    for clip, fold in zip(base.clips, base.folds, strict=True):
        counts = np.bincount(base.truth[base.folds != fold], minlength=len(base.labels))
        values = np.array(training[clip]) / counts
        np.testing.assert_allclose(adjusted[clip], values / values.sum(), atol=1e-5)


def test_equal_priors_need_a_second_fold(tmp_path):
    pair = [reported(tmp_path / name, folds=np.zeros_like(example().folds)) for name in "ab"]
    with pytest.raises(VoxJaxError, match="clips of each class"):
        vote_runs.vote(pair, tmp_path / "vote", "equal")
    with pytest.raises(UsageError, match="training"):
        vote_runs.vote(pair, tmp_path / "vote", "even")


def test_runs_vote_seed_by_seed_and_rows_may_be_in_any_order(runs, tmp_path):
    base = example()
    order = np.random.default_rng(3).permutation(len(base.truth))
    places = np.concatenate([np.arange(len(base.truth)), order])
    columns = {name: [getattr(base, name)[i] for i in places] for name in ("clips", "speakers", "genders")}
    arrays = {name: np.asarray(getattr(base, name))[places] for name in ("folds", "truth")}
    logits = np.concatenate([base.logits, better(2.0)[order]])
    meta = {**base.meta, "seeds": [0, 1]}
    both = [reported(tmp_path / name, logits=logits, meta=meta, **columns, **arrays) for name in "cd"]
    figures = vote_runs.vote(both, tmp_path / "vote")
    alone = json.loads((both[0] / "report/metrics.json").read_text())
    assert figures["uar"] == pytest.approx(alone["uar"]) and figures["n"] == alone["n"]
    seed0 = vote_runs.vote([runs[1], both[0]], tmp_path / "seed0")  # under seed 0 both have the example's logits
    assert seed0["seeds"] == [0] and seed0["uar"] == pytest.approx(seed0["members"][0]["uar"])
    assert seed0["members"][0]["uar"] == pytest.approx(seed0["members"][1]["uar"]) and seed0["n"] == len(base.truth)
    apart = reported(tmp_path / "e", logits=better(2.0), meta={**base.meta, "seeds": [7]})
    assert vote_runs.vote([runs[1], apart], tmp_path / "apart")["seeds"] == [0, 7]
    with pytest.raises(VoxJaxError, match="as many seeds"):
        vote_runs.vote([apart, both[0]], tmp_path / "other")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"corpus": "tess"}, "one corpus, found ravdess and tess"),
        ({"folds": 1 - example().folds}, "the same folds"),
        ({"clips": [f"{i}.wav" for i in range(120)]}, "the same test clips"),
    ],
)
def test_runs_that_cannot_vote_together_are_errors(runs, tmp_path, changes, message):
    with pytest.raises(VoxJaxError, match=message):
        vote_runs.vote([runs[0], reported(tmp_path / "other", **changes)], tmp_path / "vote")
    assert not (tmp_path / "vote").exists()


def test_a_single_run_or_a_folder_in_use_is_an_error(runs, tmp_path):
    with pytest.raises(UsageError, match="name two runs or more"):
        vote_runs.vote(runs[:1], tmp_path / "vote")
    with pytest.raises(UsageError, match="choose another --workdir"):
        vote_runs.vote(runs, runs[0])


CONFIG = Config(
    name="small",
    corpus="folder",
    protocol="all",
    architecture="lstm",
    model=models.options("lstm", {"fold": 4, "project": 8, "lstm": (6,), "dense": (8,)}),
    features=FrameFeatures(mels=16),
    offline_augment=OfflineAugmentConfig(augmentation_factor=0),
    train=TrainConfig(epochs=2, batch_size=8, crop_s=0.8, valid_fraction=0.2, keep="last"),
)


def test_models_of_runs_are_joined_and_predict_their_vote(tmp_path):
    write_folder(tmp_path, takes=2)
    other = dataclasses.replace(CONFIG, features=FrameFeatures(mels=20), seed=0)
    folders = [tmp_path / "one", tmp_path / "two"]
    for config, folder in zip((CONFIG, other), folders, strict=True):
        figures = running.train(config, tmp_path, folder, tmp_path / "cache", "new")
        assert (
            "Nothing was held out: these figures are of the validation clips and are no result." in figures["warnings"]
        )
    done = subprocess.run(
        [zygote.python(), "scripts/vote.py", *map(str, folders), f"--workdir={tmp_path / 'vote'}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0 and "vote of one, two" in done.stdout and "model:" in done.stdout, done.stderr
    names = [line.split()[0] for line in done.stdout.split("Members")[1].splitlines()[1:4]]
    assert names == ["one", "two", "vote"]
    card = (tmp_path / "vote/model/README.md").read_text()
    assert "# vote of one, two, trained on folder" in card and "## Limits" in card
    trained = model_folder.load(tmp_path / "vote/model")
    assert [member.feature_set for member in trained.members] == [0, 1] and trained.meta["training_clips"]
    parts = [model_folder.load(folder / "model").identity for folder in folders]
    known = {bytes(row) for part in parts for row in part.digests}
    assert known == {bytes(row) for row in trained.identity.digests} and len(trained.identity.prints) == len(known)
    predictor, singles = EmotionPredictor(tmp_path / "vote/model"), [EmotionPredictor(f / "model") for f in folders]
    for clip in list(predictions(folders[0]))[:3]:
        answers = [list(one.predict(tmp_path / clip)["probabilities"].values()) for one in (predictor, *singles)]
        np.testing.assert_allclose(
            answers[0], np.mean(answers[1:], 0), atol=0.02
        )  # the joined model has one temperature
    same = vote_runs.joined([model_folder.load(folders[0] / "model")] * 2)
    assert len(same.feature_sets) == 1 and [member.feature_set for member in same.members] == [0, 0]


def test_each_run_has_a_name_of_its_own():
    places = [pathlib.PurePosixPath(place) for place in ("runs/a/loso", "runs/b/loso")]
    assert vote_runs._names([("lda", places[0]), ("cnn", places[1])]) == ["lda", "cnn"]
    assert vote_runs._names([("lda", places[0]), ("lda", places[1])]) == ["a/loso", "b/loso"]
    assert vote_runs._names([("lda", places[0]), ("lda", places[1].with_name("x"))]) == ["loso", "x"]


def features(**values):
    return (model_folder.TrainedFeatures(FrameFeatures(**values)),)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"labels": ("a", "c")}, "the same labels"),
        (
            {"feature_sets": (model_folder.TrainedFeatures(FrameFeatures(sample_rate_hz=8_000, mel_high_hz=4_000.0)),)},
            "one sample rate",
        ),
    ],
)
def test_models_of_other_labels_or_rates_are_not_joined(changes, message):
    one = model_folder.TrainedModel(
        "lstm", {}, ("a", "b"), (model_folder.TrainedFeatures(FrameFeatures()),), 1.0, [], {}
    )
    with pytest.raises(VoxJaxError, match=message):
        vote_runs.joined([one, dataclasses.replace(one, **changes)])


def test_a_joined_model_of_several_seeds_and_folds_is_evaluated(tmp_path):
    one = model_folder.load(ROOT / "checkpoints/optimized")
    other = dataclasses.replace(one, meta={**one.meta, "seed": 3, "fold": 2, "protocol": "speaker5", "corpus": "emodb"})
    model_folder.save(tmp_path / "model", vote_runs.joined([one, other]))
    write_folder(tmp_path, takes=1, speakers=2)
    request = evaluate.Request(tmp_path / "model", "folder", tmp_path, tmp_path / "run", tmp_path / "cache")
    figures = evaluate.evaluate(request)
    assert figures["seeds"] == [0, 3] and figures["n"] == 6
    meta = EmotionPredictor(tmp_path / "model").meta
    assert meta["corpus"] == "ravdess+emodb" and meta["protocol"] == "all, speaker5"
