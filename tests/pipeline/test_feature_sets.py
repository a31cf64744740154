"""Members with different feature sets: one program, one folder, and each member equal to itself alone."""

import dataclasses
import json

import numpy as np
import pytest

from tests import runs
from tests.encoders.test_whisper import random_tensors
from tests.experiments.test_crossval import predictions
from tests.voices import write_folder
from voxjax import EmotionPredictor, models
from voxjax.artifacts import model_folder
from voxjax.config import Config, FrameFeatures, MemberConfig, OfflineAugmentConfig, TrainConfig
from voxjax.errors import UsageError
from voxjax.pipeline import feature_sets, run_spec
from voxjax.pipeline.run_spec import Paths

pytestmark = pytest.mark.same_bits

HEAD = models.options("encoder_head", {"project": 8, "dense": (8,)})
WHISPER = {"kind": "encoder", "encoder": "whisper_tiny_en", "blocks": (2,), "hop_ms": 20.0}
COPIES = {"augmentation_factor": 1, "methods": ("speed",)}
MEMBERS = (
    MemberConfig("lstm", {"fold": 4, "project": 8, "lstm": (6,), "dense": (8,)}),
    MemberConfig("encoder_head", HEAD, {}, WHISPER, COPIES),
    MemberConfig("encoder_head", HEAD, {"dropout": 0.4}, {**WHISPER, "encoder": "whisper_base", "blocks": (1,)}),
)
CONFIG = Config(
    name="mixed",
    corpus="folder",
    n_members=4,  # the fourth has the first member config again
    members=MEMBERS,
    member_execution="unroll",
    features=FrameFeatures(mels=16),
    offline_augment=OfflineAugmentConfig(augmentation_factor=0),
    train=TrainConfig(epochs=2, batch_size=8, crop_s=0.8, valid_fraction=0.2, keep="last"),
)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    root = tmp_path_factory.mktemp("mixed")
    write_folder(root, takes=2)
    (root / "weights").mkdir()
    for name, seed in (("tiny_en", 1), ("base", 2)):
        parts = random_tensors(64, 2, seed)
        np.savez(root / f"weights/whisper_{name}_encoder.npz", **parts)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VOXJAX_WEIGHTS", str(root / "weights"))
        figures = runs.train(CONFIG, root, root / "run", root / "cache", "new")
        yield root, figures


def test_one_program_trains_members_with_different_features(whole):
    _, figures = whole
    assert figures["compiles"] == 1
    assert [row["features"] for row in figures["members"]] == ["frames", "whisper_tiny_en", "whisper_base", "frames"]


def test_a_member_has_the_same_bits_alone_and_in_an_ensemble(whole, tmp_path):
    """A run of the first member config alone has member 0's key and clips."""
    root, _ = whole
    alone = dataclasses.replace(CONFIG, n_members=1)
    runs.train(alone, root, tmp_path / "run", root / "cache", "new")
    ours, theirs = (model_folder.load(folder / "run/model").members[0] for folder in (root, tmp_path))
    np.testing.assert_equal(ours.variables, theirs.variables)
    np.testing.assert_equal(ours.scaler, theirs.scaler)


def test_the_folder_has_all_encoders_and_predicts_as_reported(whole, monkeypatch):
    root, _ = whole
    monkeypatch.delenv("VOXJAX_WEIGHTS")
    folder = root / "run/model"
    description = json.loads((folder / "model.json").read_text())
    assert [row["feature_set"] for row in description["members"]] == [0, 1, 2, 0]
    assert {path.name for path in folder.iterdir()} == {
        "README.md",
        "model.json",
        "identity.npz",
        "weights.safetensors",
        "encoder1.safetensors",
        "encoder2.safetensors",
    }
    reported = predictions(root / "run")
    predictor = EmotionPredictor(folder)
    answers = list(predictor.predict_many([root / clip for clip in reported]))
    for answer, probabilities in zip(answers, reported.values(), strict=True):
        np.testing.assert_allclose(list(answer["probabilities"].values()), probabilities, atol=2e-3)


def test_members_keep_their_weights_in_any_order_of_feature_sets(whole, tmp_path):
    """Members with the same feature set need not follow each other."""
    root, _ = whole
    trained = model_folder.load(root / "run/model")
    clip = root / next(iter(predictions(root / "run")))
    for chosen in range(4):
        members = [dataclasses.replace(m, weight=float(i == chosen)) for i, m in enumerate(trained.members)]
        model_folder.save(tmp_path / f"{chosen}", dataclasses.replace(trained, members=members))
        own = trained.feature_sets[members[chosen].feature_set]
        alone = [dataclasses.replace(members[chosen], feature_set=0)]
        lone = dataclasses.replace(trained, members=alone, feature_sets=(own,), density=None)
        model_folder.save(tmp_path / f"{chosen}a", lone)
        answers = [EmotionPredictor(tmp_path / name).predict(clip) for name in (f"{chosen}", f"{chosen}a")]
        assert answers[0]["probabilities"] == pytest.approx(answers[1]["probabilities"], abs=1e-6)


def mixed(**features):
    return dataclasses.replace(CONFIG, members=(MEMBERS[0], MemberConfig("lstm", {}, {}, features)), n_members=2)


def test_equal_feature_sets_are_computed_once():
    assert len(feature_sets.distinct(CONFIG)) == 3
    assert len(feature_sets.distinct(mixed())) == 1 and len(feature_sets.distinct(mixed(mels=20))) == 2


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (mixed(mells=20), r"did you mean 'config\.members\[1\]\.features\.mels'"),
        (mixed(mels="many"), r"config\.members\[1\]\.features\.mels: expected a value of type int"),
        (mixed(sample_rate_hz=8_000, mel_high_hz=4_000.0), "expected one sample rate, found 8000 and 16000 Hz"),
        (dataclasses.replace(CONFIG, protocol="guide"), "expected one offline augmentation for all members"),
    ],
)
def test_invalid_feature_sets_are_errors(config, message):
    with pytest.raises(UsageError, match=message):
        feature_sets.distinct(config)


def test_one_file_of_weights_for_two_encoders_is_an_error(tmp_path):
    file = tmp_path / "weights.npz"
    file.write_bytes(b"")
    run_spec.resolve(dataclasses.replace(CONFIG, n_members=2), Paths(tmp_path, encoder_weights=file))
    with pytest.raises(UsageError, match="a folder, for whisper_base and whisper_tiny_en"):
        run_spec.resolve(CONFIG, Paths(tmp_path, encoder_weights=file))
