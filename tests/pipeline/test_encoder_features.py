"""Frozen encoders: found, cached on disk, trained on, and saved in the model folder."""

import dataclasses
import json
import pathlib
import re
import shutil

import numpy as np
import pytest
import safetensors.numpy
import soundfile

from tests import runs
from tests.encoders import test_wav2vec2_weights as wavlm
from tests.encoders.test_whisper import random_tensors
from tests.voices import write_folder
from voxjax import EmotionPredictor, encoders, models
from voxjax.artifacts import model_folder
from voxjax.config import (
    Config,
    EncoderFeatures,
    FrameFeatures,
    Hyper,
    MemberConfig,
    OfflineAugmentConfig,
    TrainConfig,
)
from voxjax.encoders import tensors
from voxjax.errors import UsageError, VoxJaxError
from voxjax.pipeline import encoder_features, encoder_weights, examples

FEATURES = EncoderFeatures(encoder="whisper_tiny_en", blocks=(1, 2), hop_ms=20.0)
CONFIG = Config(
    name="tiny",
    corpus="folder",
    architecture="encoder_head",
    model=models.options("encoder_head", {"blocks": 2, "project": 8, "dense": (8,)}),
    features=FEATURES,
    offline_augment=OfflineAugmentConfig(augmentation_factor=1, methods=("speed",)),
    train=TrainConfig(epochs=2, crop_s=0.8, keep="last"),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("encoded")
    write_folder(root, takes=2)
    (root / "weights").mkdir()
    halved = {name: values.astype(np.float16) for name, values in random_tensors(64, 2).items()}
    np.savez(root / "weights/whisper_tiny_en_encoder_f16.npz", **halved)
    return root


@pytest.fixture
def weights(folder, monkeypatch):
    monkeypatch.setenv("VOXJAX_WEIGHTS", str(folder / "weights"))


def test_missing_weights_and_wrong_blocks_are_errors(folder, monkeypatch, tmp_path):
    monkeypatch.delenv("VOXJAX_WEIGHTS", raising=False)
    with pytest.raises(VoxJaxError, match=r"whisper_tiny_en_encoder\.npz or .*--encoder_weights=FILE_OR_FOLDER"):
        encoder_weights.load(FEATURES, runs.paths(None, tmp_path))
    monkeypatch.setenv("VOXJAX_WEIGHTS", str(folder / "weights"))
    (found,) = encoder_weights.load(FEATURES, runs.paths(None, tmp_path))
    params = found.params
    assert params["block2"]["mlp_in"]["kernel"].shape == (64, 256)
    with pytest.raises(UsageError, match="blocks from 1 to 2"):
        encoder_weights.load(dataclasses.replace(FEATURES, blocks=(4,)), runs.paths(None, tmp_path))
    with pytest.raises(UsageError, match="an encoder and its blocks"):
        EncoderFeatures()
    assert encoder_weights.load(FrameFeatures(), runs.paths(None, tmp_path)) == ()


def test_outputs_of_an_encoder_are_cached(folder, weights, tmp_path, monkeypatch):
    first = runs.load(CONFIG, folder, tmp_path)
    assert first.feature_rows[0].rows.features.dtype == np.float16 and first.feature_rows[0].rows.features.shape[
        1::2
    ] == (2, 128)
    monkeypatch.setattr(examples, "build", lambda *_: pytest.fail("encoded again"))
    again = runs.load(CONFIG, folder, tmp_path)
    for one, other in zip(first.feature_rows[0].rows, again.feature_rows[0].rows, strict=True):
        np.testing.assert_array_equal(one, other)
    with pytest.raises(pytest.fail.Exception, match="encoded again"):
        runs.load(dataclasses.replace(CONFIG, features=dataclasses.replace(FEATURES, trim_db=60.0)), folder, tmp_path)


@pytest.fixture
def encoded(monkeypatch):
    """The number of clips in each call that encodes some."""
    counts = []
    build = examples.build

    def counted(config, clips, *rest):
        counts.append(len(clips))
        return build(config, clips, *rest)

    monkeypatch.setattr(examples, "build", counted)
    return counts


def test_a_clip_more_or_a_damaged_file_encodes_one_clip(folder, weights, tmp_path, encoded):
    data = tmp_path / "data"
    shutil.copytree(folder / "folder", data / "folder")
    before = runs.load(CONFIG, data, tmp_path).feature_rows[0].rows
    assert encoded == [len(before.clip_index)]
    first = sorted((data / "folder").rglob("*.wav"))[0]
    samples, rate = soundfile.read(first)
    soundfile.write(first.with_name("zz.wav"), samples[::-1], rate)
    after = runs.load(CONFIG, data, tmp_path)
    assert encoded[1:] == [1]
    added = [i for i, clip in enumerate(after.manifest.clips) if clip.path.endswith("zz.wav")]
    for one, other in zip(before[:2], after.feature_rows[0].rows[:2], strict=True):
        np.testing.assert_array_equal(np.delete(other, added, 0), one)
    kept = sorted((tmp_path / "encoded_clips").rglob("*.npz"))
    assert len(kept) == len(after.manifest)
    damaged = bytearray(kept[0].read_bytes())
    damaged[len(damaged) // 2] ^= 1
    kept[0].write_bytes(damaged)
    again = runs.load(CONFIG, data, tmp_path).feature_rows[0].rows
    assert encoded[2:] == [1]
    np.testing.assert_allclose(again.features, after.feature_rows[0].rows.features, atol=2e-3)


def test_an_interrupted_run_goes_on_where_it_was(folder, weights, tmp_path, encoded, monkeypatch):
    monkeypatch.setattr(encoder_features, "_AT_ONCE", 8)
    write = encoder_features._write

    def interrupted(path, one):
        if len(encoded) == 3:
            raise KeyboardInterrupt
        write(path, one)

    monkeypatch.setattr(encoder_features, "_write", interrupted)
    with pytest.raises(KeyboardInterrupt):
        runs.load(CONFIG, folder, tmp_path)
    monkeypatch.setattr(encoder_features, "_write", write)
    clips = len(runs.load(CONFIG, folder, tmp_path).manifest)
    assert sum(encoded[3:]) == clips - 16


def assert_predicts_as_reported(run_folder, folder):
    predictor = EmotionPredictor(run_folder / "model")
    with (run_folder / "report/predictions.csv").open() as file:
        header, *lines = [line.rstrip("\n").split(",") for line in file]
    row = dict(zip(header, lines[0], strict=True))
    answer = predictor.predict(folder / row["clip"])
    for label, probability in answer["probabilities"].items():
        assert probability == pytest.approx(float(row[label]), abs=2e-3)


def test_a_model_folder_predicts_without_the_encoders_file(folder, weights, tmp_path, monkeypatch):
    figures = runs.train(CONFIG, folder, tmp_path / "run", tmp_path / "cache", "new")
    assert figures["compiles"] == 1 and figures["n"] > 0
    monkeypatch.delenv("VOXJAX_WEIGHTS")
    assert_predicts_as_reported(tmp_path / "run", folder)

    (tmp_path / "run/model/encoder.safetensors").write_bytes(b"other")
    with pytest.raises(VoxJaxError, match=r"encoder\.safetensors: expected the encoder that model\.json describes"):
        model_folder.load(tmp_path / "run/model")


TUNED = dataclasses.replace(
    CONFIG,
    architecture="encoder_tuned",
    model=models.options("encoder_tuned", {"head": {"project": 8, "dense": (8,)}}),
    features=dataclasses.replace(FEATURES, blocks=(1,), tuned_blocks=1, centre="none"),
    n_members=2,
    hyper=Hyper(finetune_rate_scale=1.0, unfreeze_fraction=0.0),
)


@pytest.mark.parametrize("mode", ["vmap", "unroll"])
def test_members_finetune_shared_pretrained_blocks(folder, weights, tmp_path, monkeypatch, mode):
    """In one program; the folder has the published weights once, and the updates of each member."""
    config = dataclasses.replace(TUNED, member_execution=mode)
    figures = runs.train(config, folder, tmp_path / "run", tmp_path / "cache", "new")
    assert figures["compiles"] == 1 and figures["n"] > 0
    monkeypatch.delenv("VOXJAX_WEIGHTS")
    assert_predicts_as_reported(tmp_path / "run", folder)
    trained = model_folder.load(tmp_path / "run/model")
    assert set(trained.feature_sets[0].encoder) >= {"block1", "block2"}
    kept = safetensors.numpy.load_file(tmp_path / "run/model/weights.safetensors")
    assert kept["1/params/tuned_0/mlp_in_kernel"].dtype == np.float16
    assert kept["1/params/head/Dense_0/kernel"].dtype == np.float32
    changes = [member.variables["params"]["tuned_0"]["mlp_in_kernel"] for member in trained.members]
    assert all(np.abs(change).max() > 0 for change in changes) and np.abs(changes[0] - changes[1]).max() > 0


def test_a_closed_form_model_is_fitted_and_predicts(folder, weights, tmp_path, monkeypatch):
    """On statistics of hidden units: two members on different blocks, fitted without steps, optimiser or epochs."""
    hidden = dataclasses.replace(FEATURES, blocks=(2,), part="hidden", pooling="statistics")
    config = dataclasses.replace(
        CONFIG,
        architecture="lda",
        features=hidden,
        offline_augment=OfflineAugmentConfig(augmentation_factor=0),
        n_members=2,
        members=(
            MemberConfig("lda", {"shrinkage": 0.5}),
            MemberConfig("lda", {"shrinkage": 0.9}, features={"blocks": (1, 2)}),
        ),
    )
    figures = runs.train(config, folder, tmp_path / "run", tmp_path / "cache", "new")
    assert figures["compiles"] == 0 and figures["n"] > 0, "no training step is compiled"
    assert figures["chosen_by"] == "nothing: fitted in closed form" and "diagnostics" not in figures
    (row,) = map(json.loads, (tmp_path / "run/metrics.jsonl").read_text().splitlines())
    assert row["steps"] == 0 and row["train_accuracy"] > 0.5 and row["valid_uar"] > 0
    monkeypatch.delenv("VOXJAX_WEIGHTS")
    assert_predicts_as_reported(tmp_path / "run", folder)
    trained = model_folder.load(tmp_path / "run/model")
    kernels = [member.variables["params"]["kernel"] for member in trained.members]
    assert [len(kernel) for kernel in kernels] == [2 * 256, 2 * 2 * 256]
    assert all(np.abs(kernel).max() > 0 for kernel in kernels)


def test_frozen_and_finetuned_runs_share_cached_features(folder, weights, tmp_path, monkeypatch):
    frozen = dataclasses.replace(CONFIG, features=dataclasses.replace(FEATURES, blocks=(1,)))
    runs.load(frozen, folder, tmp_path)
    monkeypatch.setattr(examples, "build", lambda *_: pytest.fail("encoded again"))
    runs.load(TUNED, folder, tmp_path)


def test_a_model_folder_has_an_encoder_only_where_it_is_needed(tmp_path):
    plain = (model_folder.TrainedFeatures(FrameFeatures()),)
    trained = model_folder.TrainedModel("optimized", {}, ("a", "b"), plain, 1.0, [], {})
    model_folder.save(tmp_path, trained)
    assert not (tmp_path / "encoder.safetensors").exists()
    encoded = model_folder.TrainedFeatures(FEATURES, {"conv": {"kernel": np.ones((2, 3))}})
    model_folder.save(tmp_path, dataclasses.replace(trained, feature_sets=(encoded,)))
    arrays = safetensors.numpy.load_file(tmp_path / "encoder.safetensors")
    np.testing.assert_array_equal(arrays["encoder/conv/kernel"], np.ones((2, 3), np.float16))


def test_a_long_clip_is_cut_into_windows_for_the_encoder(folder, weights, tmp_path):
    short = dataclasses.replace(CONFIG, features=dataclasses.replace(FEATURES, max_duration_s=0.5))
    loaded = runs.load(short, folder, tmp_path)
    assert len(loaded.feature_rows[0].rows.clip_index) > len(loaded.manifest)
    longest = soundfile.info(folder / loaded.manifest.clips[0].path).duration
    assert loaded.feature_rows[0].rows.lengths.max() <= 0.5 / 0.85 * 50 + 2 < 50 * longest


def test_the_documented_custom_encoder_works(folder, tmp_path, monkeypatch):
    """The example of docs/encoders.md, run unchanged."""
    page = (pathlib.Path(__file__).resolve().parents[2] / "docs/encoders.md").read_text()
    (code,) = re.findall(r"```python\n(.*?)```", page, re.S)
    monkeypatch.setattr(encoders, "ENCODERS", dict(encoders.ENCODERS))
    exec(compile(code, "docs/encoders.md", "exec"), {})
    np.savez(tmp_path / "level.npz", gain=np.ones(1, np.float32))
    monkeypatch.setenv("VOXJAX_WEIGHTS", str(tmp_path))
    features = dataclasses.replace(FEATURES, encoder="level", blocks=(1,))
    loaded = runs.load(dataclasses.replace(CONFIG, features=features), folder, tmp_path)
    values, length = loaded.feature_rows[0].rows.features[0, 0, :, 0], loaded.feature_rows[0].rows.lengths[0, 0]
    assert values[:length].max() > 0 and not values[length:].any()


def test_a_published_folder_is_trained_on_and_its_layout_is_saved(folder, tmp_path, monkeypatch):
    weights = tmp_path / "weights/wavlm"
    weights.mkdir(parents=True)
    # In half precision, as in the model folder, so that no rounding is added.
    halved = {name: (0.3 * part).astype(np.float16) for name, part in wavlm.published().items()}
    safetensors.numpy.save_file(halved, weights / "model.safetensors")
    layout = {**wavlm.CONFIG, "model_type": "wavlm", "conv_stride": (5, 8, 8)}  # 20 ms, as in all published models
    (weights / "config.json").write_text(json.dumps(layout))
    (weights / "preprocessor_config.json").write_text(json.dumps({"do_normalize": True}))
    monkeypatch.setenv("VOXJAX_WEIGHTS", str(tmp_path / "weights"))
    features = dataclasses.replace(FEATURES, encoder="wavlm")
    config = dataclasses.replace(CONFIG, features=features)
    runs.train(config, folder, tmp_path / "run", tmp_path / "cache", "new")
    monkeypatch.delenv("VOXJAX_WEIGHTS")
    assert_predicts_as_reported(tmp_path / "run", folder)

    monkeypatch.setenv("VOXJAX_WEIGHTS", str(weights.parent))
    (before,) = encoder_weights.load(features, runs.paths(None, tmp_path))
    (weights / "config.json").write_text(json.dumps({**layout, "max_bucket_distance": 900}))  # it is not in any array
    assert encoder_weights.load(features, runs.paths(None, tmp_path))[0].digest != before.digest
    with pytest.raises(VoxJaxError, match=r"set config\.features\.encoder to wavlm"):
        encoders.ENCODERS["hubert"].params(tensors.read(weights), (1,))
