"""Several encoders side by side: the features of each one, joined, from the cache to the exported model."""

import dataclasses
import json

import numpy as np
import pytest

from tests import runs
from tests.encoders.test_whisper import random_tensors
from tests.pipeline.test_encoder_features import assert_predicts_as_reported
from tests.voices import write_folder
from voxjax import EmotionPredictor, models
from voxjax.artifacts import model_folder
from voxjax.audio import io
from voxjax.cli import config_flag
from voxjax.config import Config, EncoderFeatures, EncodersFeatures, OfflineAugmentConfig, TrainConfig
from voxjax.encoders.extractor import extractor, joined_params, side_by_side
from voxjax.errors import UsageError, VoxJaxError
from voxjax.inference.waveform_graph import waveform_graph
from voxjax.pipeline import encoder_features, encoder_weights, examples, run_spec
from voxjax.pipeline.run_spec import Paths

COMMON = {"part": "hidden", "pooling": "statistics", "hop_ms": 20.0, "trim_db": 200.0}
PAIR = EncodersFeatures(encoders=("whisper_tiny_en", "whisper_base"), blocks=((1, 2), (2,)), **COMMON)
TINY = EncoderFeatures(encoder="whisper_tiny_en", blocks=(1, 2), **COMMON)
BASE = EncoderFeatures(encoder="whisper_base", blocks=(2,), **COMMON)
CONFIG = Config(
    name="pair",
    corpus="folder",
    architecture="lda",
    model=models.options("lda", {"shrinkage": 0.5}),
    features=PAIR,
    offline_augment=OfflineAugmentConfig(augmentation_factor=0),
    train=TrainConfig(valid_fraction=0.2),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("pair")
    write_folder(root, takes=2)
    (root / "weights").mkdir()
    for name, channels, seed in (("tiny_en", 64, 1), ("base", 128, 2)):
        halved = {key: values.astype(np.float16) for key, values in random_tensors(channels, 2, seed).items()}
        np.savez(root / f"weights/whisper_{name}_encoder.npz", **halved)
    return root


@pytest.fixture
def weights(folder, monkeypatch):
    monkeypatch.setenv("VOXJAX_WEIGHTS", str(folder / "weights"))


def with_features(features):
    return dataclasses.replace(CONFIG, features=features)


def rows(features, folder, cache):
    (found,) = runs.load(with_features(features), folder, cache).feature_rows
    return found.rows


@pytest.mark.parametrize("values", [{}, {"pooling": "none"}, {"pooling": "none", "max_duration_s": 0.5}])
def test_the_features_are_those_of_each_encoder_to_the_bit(folder, weights, tmp_path, monkeypatch, values):
    """Encoded alone, each clip is read from the cache beside the other; and the other way round."""
    pair, tiny, base = (dataclasses.replace(one, **values) for one in (PAIR, TINY, BASE))
    first, second = rows(tiny, folder, tmp_path / "a"), rows(base, folder, tmp_path / "a")
    with monkeypatch.context() as patch:
        patch.setattr(examples, "build", lambda *_: pytest.fail("encoded again"))
        both = rows(pair, folder, tmp_path / "a")
    assert both.features.dtype == np.float16
    np.testing.assert_array_equal(both.features, np.concatenate([first.features, second.features], axis=-1))
    np.testing.assert_array_equal(both.lengths, first.lengths)
    np.testing.assert_array_equal(both.clip_index, first.clip_index)
    anew = rows(pair, folder, tmp_path / "b")
    np.testing.assert_array_equal(anew.features, both.features)
    monkeypatch.setattr(examples, "build", lambda *_: pytest.fail("encoded again"))
    np.testing.assert_array_equal(rows(base, folder, tmp_path / "b").features, second.features)


def test_rows_are_the_same_in_parts_of_any_size(folder, weights, tmp_path, monkeypatch):
    longer = dataclasses.replace(PAIR, pooling="none", max_duration_s=0.5)  # rows of several lengths
    whole = rows(longer, folder, tmp_path)
    for size in (1, 3 * whole.features[0].nbytes):
        monkeypatch.setattr(encoder_features, "_PART_BYTES", size)
        for one, other in zip(rows(longer, folder, tmp_path), whole, strict=True):
            np.testing.assert_array_equal(one, other)


def test_the_result_is_as_long_as_the_shortest_and_zero_beyond_it():
    ones = [np.ones((2, length, channels), np.float16) for length, channels in ((4, 1), (3, 2))]
    values, lengths = side_by_side([(ones[0], np.array([4, 1], np.int32)), (ones[1], np.array([3, 2], np.int32))])
    assert values.shape == (2, 3, 3) and lengths.tolist() == [3, 1]
    assert values[0].all() and values[1, 0].all() and not values[1, 1:].any()


def test_a_model_is_fitted_saved_and_predicts(folder, weights, tmp_path, monkeypatch):
    figures = runs.train(CONFIG, folder, tmp_path / "run", tmp_path / "cache", "new")
    assert figures["compiles"] == 0 and figures["n"] > 0
    assert [row["features"] for row in figures["members"]] == ["whisper_tiny_en+whisper_base"]
    monkeypatch.delenv("VOXJAX_WEIGHTS")
    assert_predicts_as_reported(tmp_path / "run", folder)

    model = tmp_path / "run/model"
    trained = model_folder.load(model)
    (own,) = trained.feature_sets
    assert own.features == PAIR and set(own.encoder) == {"whisper_tiny_en", "whisper_base"}
    assert len(trained.members[0].variables["params"]["kernel"]) == 2 * (2 * 4 * 64 + 4 * 128)
    assert trained.meta["licence"].count("Whisper's weights are OpenAI's") == 1
    assert "Whisper's weights are OpenAI's" in (model / "README.md").read_text()
    model_folder.save(tmp_path / "again", trained)
    for name in ("encoder.safetensors", "weights.safetensors"):
        assert (tmp_path / "again" / name).read_bytes() == (model / name).read_bytes()

    clip = io.read(sorted((folder / "folder").rglob("*.wav"))[0], 16_000)
    answer = EmotionPredictor(model).predict((clip, 16_000))["probabilities"]
    graph = waveform_graph("pair", trained)
    np.testing.assert_allclose(np.exp(graph.log_probabilities(graph.weights, clip)), list(answer.values()), atol=1e-4)

    description = json.loads((model / "model.json").read_text())
    assert description["feature_sets"][0]["features"]["blocks"] == [[1, 2], [2]]
    (model / "encoder.safetensors").write_bytes(b"other")
    with pytest.raises(VoxJaxError, match=r"encoder\.safetensors: expected the encoder that model\.json describes"):
        model_folder.load(model)


def test_a_network_is_trained_in_steps_and_resumed(folder, weights, tmp_path, monkeypatch):
    config = dataclasses.replace(
        with_features(dataclasses.replace(PAIR, part="output", pooling="none", blocks=((1,), (2,)))),
        architecture="encoder_head",
        model=models.options("encoder_head", {"project": 8, "dense": (8,)}),
        train=TrainConfig(epochs=2, crop_s=0.8, keep="last", valid_fraction=0.2),
    )
    figures = runs.train(config, folder, tmp_path / "run", tmp_path / "cache", "new")
    assert figures["compiles"] == 1
    runs.train(config, folder, tmp_path / "run", tmp_path / "cache", "continue")
    monkeypatch.delenv("VOXJAX_WEIGHTS")
    assert_predicts_as_reported(tmp_path / "run", folder)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "features.kind encoders: expected 2 to 8 encoders, found none; .*configs/whisper_pair.py"),
        ({"encoders": ("whisper_tiny_en",), "blocks": ((1,),)}, "2 to 8 encoders, found whisper_tiny_en"),
        ({"encoders": ("whisper_base",) * 2, "blocks": ((1,), (2,))}, "each encoder once"),
        ({"encoders": PAIR.encoders, "blocks": ((1,),)}, "blocks of each of 2 encoders, found 1 groups"),
        ({"encoders": PAIR.encoders, "blocks": ((1,), ())}, "an encoder and its blocks"),
        (
            {"encoders": PAIR.encoders, "blocks": ((1,), (1_001,))},
            r"features\.blocks: expected a number from 0 to 1000",
        ),
        ({"encoders": PAIR.encoders, "blocks": PAIR.blocks, "part": "all"}, r"features\.part"),
        (
            {"encoders": PAIR.encoders, "blocks": PAIR.blocks, "pooling": "statistics", "centre": "clip"},
            "a mean of the corpus",
        ),
    ],
)
def test_features_that_contradict_themselves_are_errors(values, message):
    with pytest.raises(UsageError, match=message):
        EncodersFeatures(**values)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"encoders": ("whisper_tiny_en", "whisper_bas")}, "did you mean 'whisper_base'"),
        ({"encoders": ("whisper_tiny_en", "yamnet")}, r"features\.hop_ms: expected a multiple of 480, as yamnet has"),
        ({"hop_ms": 30.0}, r"features\.hop_ms: expected a multiple of 20, as whisper_tiny_en has"),
        ({"sample_rate_hz": 8_000}, r"features\.sample_rate_hz: expected 16000, as whisper_tiny_en has"),
        ({"encoders": ("whisper_tiny_en", "hubert")}, "features.part hidden: expected one of .*found hubert"),
        ({"blocks": ((1,), (3,))}, "blocks from 1 to 2, found 3"),
    ],
)
def test_encoders_that_do_not_fit_are_errors_before_clips_are_decoded(folder, weights, tmp_path, values, message):
    with pytest.raises(UsageError, match=message):
        rows(dataclasses.replace(PAIR, **values), folder, tmp_path)
    assert not (tmp_path / "clips").exists()


def test_missing_weights_are_named_with_the_command_that_downloads_them(folder, tmp_path):
    paths = Paths(tmp_path, weights_dir=tmp_path)
    with pytest.raises(VoxJaxError, match=r"download --encoder=whisper_tiny_en\+whisper_base,"):
        encoder_weights.load(PAIR, paths)
    (tmp_path / "whisper_tiny_en_encoder.npz").write_bytes(b"")
    with pytest.raises(VoxJaxError, match=r"weights of whisper_base: expected .*download --encoder=whisper_base,"):
        encoder_weights.load(PAIR, paths)


def test_one_model_for_two_encoders_is_an_error(folder, tmp_path):
    file = folder / "weights/whisper_base_encoder.npz"
    with pytest.raises(UsageError, match="a folder, for whisper_base and whisper_tiny_en, found the file"):
        run_spec.resolve(CONFIG, Paths(tmp_path, encoder_weights=file))
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(UsageError, match="weights of whisper_tiny_en and whisper_base, found the model in"):
        encoder_weights.load(PAIR, Paths(tmp_path, encoder_weights=tmp_path))


def test_the_config_of_the_pair_takes_real_clips(ravdess_dir, weights_dir):
    """Both encoders' own numbers, one after the other: 9,216 and 12,288."""
    pair = config_flag.named("whisper_pair", {}).features
    params = [one.params for one in encoder_weights.load(pair, Paths(weights_dir, weights_dir=weights_dir))]
    samples = io.read(sorted((ravdess_dir / "Actor_07").iterdir())[0], 16_000)
    batch = np.pad(samples, (0, -len(samples) % 8_000))[None], np.array([len(samples)], np.int32)
    alone = [np.asarray(extractor(one, own)(*batch)[0]) for one, own in zip(pair.by_encoder, params, strict=True)]
    values, lengths = extractor(pair, joined_params(pair, params))(*batch)
    assert [one.shape for one in alone] == [(1, 1, 9_216), (1, 1, 12_288)] and lengths.tolist() == [1]
    np.testing.assert_array_equal(values, np.concatenate(alone, axis=-1))
