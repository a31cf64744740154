"""A model folder of a stranger, each file of which has the hash that its description holds, is refused in one line."""

import dataclasses
import functools
import json
import os
import re

import numpy as np
import pytest

from voxjax.artifacts import model_folder
from voxjax.benchmarks.soak import model_changes, model_files, small_models
from voxjax.config import FrameFeatures
from voxjax.errors import VoxJaxError
from voxjax.storage import strict_json


@functools.cache
def base(name):
    """The parts of a small model; not to be changed."""
    return small_models.MODELS[name]()


@pytest.fixture
def files(tmp_path):
    """Reads a small model's folder into parts that may be changed."""

    def parts(name):
        model_folder.save(tmp_path / "whole", base(name))
        return model_files.read(tmp_path / "whole")

    return parts


def error_of(tmp_path, files):
    (tmp_path / "changed").mkdir()
    files.write(tmp_path / "changed")
    with pytest.raises(VoxJaxError) as caught:
        model_folder.load(tmp_path / "changed")
    assert str(caught.value).isprintable() and len(str(caught.value)) < 1_000 + len(str(tmp_path))
    return str(caught.value)


@pytest.mark.parametrize("name", ("lda", "ensemble", "fusion", "tuned", "wav2vec2", "pair"))
def test_an_unchanged_model_is_loaded_also_from_archives(tmp_path, files, name):
    for folder, parts in (("a", files(name)), ("b", files(name).as_archives())):
        (tmp_path / folder).mkdir()
        parts.write(tmp_path / folder)
        model = model_folder.load(tmp_path / folder)
        assert model.labels == small_models.LABELS and len(model.members) == len(base(name).members)
        np.testing.assert_equal(model.members[-1].scaler, base(name).members[-1].scaler)


def at(*path, to=None):
    """A change of one value of the description; without `to` it is removed."""

    def change(files):
        *parents, key = path
        holder = functools.reduce(lambda at, part: at[part], parents, files.description)
        if to is None:
            del holder[key]
        else:
            holder[key] = to

    return change


FEATURES, MEMBER = ("feature_sets", 0, "features"), ("members", 0)
HUGE = dataclasses.asdict(FrameFeatures(sample_rate_hz=192_000, window_ms=64.0, hop_ms=0.5, mels=8))
DESCRIPTIONS = [
    ("cnn", at("format", to=True), "TypeError"),
    ("cnn", at("format", to=0), "a number from 1 to"),
    ("cnn", at("labels", to=["a", 1, "c"]), "printable texts"),
    ("cnn", at("labels", to=["a", "a", "c"]), "each once"),
    ("cnn", at("labels", to=["a", "b\n", "c"]), "printable texts"),
    ("cnn", at("labels", to=["a", "b"]), r"Dense_1/bias of float32 \[2\], found float32 \[3\]"),
    ("cnn", at("labels", to=[]), "number of labels"),
    ("cnn", at("labels", to=[f"{i}" for i in range(1_001)]), "number of labels"),
    ("cnn", at("temperature", to=0), "temperature: expected a number from"),
    ("cnn", at("temperature", to=-1.5), "temperature: expected a number from"),
    ("cnn", at("temperature", to=True), "temperature"),
    ("cnn", at("temperature", to="1"), "temperature: expected int or float"),
    ("cnn", at("surprise", to=1), "surprise: expected no such key"),
    ("cnn", at("identity_sha256"), "KeyError 'identity_sha256'"),
    ("cnn", at("sha256", to=5), "sha256: expected str"),
    ("cnn", at(*MEMBER, "weight", to=-1.0), "weight: expected a number from 0"),
    ("cnn", at(*MEMBER, "weight", to=0.0), "weights of members: expected not all 0"),
    ("cnn", at(*MEMBER, "feature_set", to=-1), "feature_set: expected a number from 0 to 0"),
    ("cnn", at(*MEMBER, "feature_set", to=1), "feature_set: expected a number from 0 to 0"),
    ("cnn", at(*MEMBER, "options", "kernel", to=0), "kernel: expected a number from 1"),
    ("cnn", at(*MEMBER, "options", "kernel", to=3.0), "kernel: expected a value of type int"),
    ("cnn", at(*MEMBER, "options", "filters", to=[10**9]), "filters: expected a number from 1"),
    ("cnn", at(*MEMBER, "options", "filters", to=[4] * 40), "number of values"),
    ("ensemble", at("members", 1, "options", "heads"), "all their fields"),
    ("cnn", at(*MEMBER, "architecture", to="lstm"), "model"),
    ("cnn", at(*MEMBER, "modalities", to={"face": 3}), "modalities: expected none"),
    ("cnn", at("members", to=[{}]), "KeyError 'architecture'"),
    ("cnn", at("members", to=[{}] * 100_000), "number of members"),
    ("cnn", at("feature_sets", to=[]), "number of feature sets"),
    ("cnn", at(*FEATURES, "hop_ms", to=0), "hop_ms"),
    ("cnn", at(*FEATURES, "sample_rate_hz", to=10**12), "sample_rate_hz: expected a number from"),
    ("cnn", at(*FEATURES, to={**HUGE, "max_duration_s": 60.0}), "features: expected arrays of at most"),
    ("cnn", at(*FEATURES, "mels", to=9), r"kernel of float32 \[5, 9, 4\], found float32 \[5, 8, 4\]"),
    ("cnn", at(*FEATURES, "trim_db"), "all their fields"),
    ("cnn", at("feature_sets", 0, "encoder_sha256", to="0" * 64), "an encoder where"),
    ("cnn", at("meta", "reject", to={"0.9": "x"}), "meta.reject: expected confidences"),
    ("cnn", at("meta", "figures", to={"uar": "x"}), "meta.figures"),
    ("cnn", at("meta", "figures", to={"uar_ci": [0.1]}), "meta.figures"),
    ("cnn", at("meta", "training_clips", to="x"), "meta.training_clips"),
    ("cnn", at("meta", "corpus", to=["x"]), "meta.corpus"),
    ("ensemble", at("members", 3), "no array that the model does not use, found 3/params"),
    ("ensemble", at("members", 1, "feature_set", to=1), r"1/params/Dense_0/kernel of float32 \[16, 4\]"),
    ("ensemble", at("feature_sets", 1, "features", "sample_rate_hz", to=8_000), "sample rates of feature sets"),
    ("fusion", at(*MEMBER, "modalities", "face", to=4), "columns.face: expected 4 names"),
    ("fusion", at(*MEMBER, "columns", "face", to=["AU01_r"]), "3 names"),
    ("whisper", at(*FEATURES, "blocks", to=[-1]), "blocks: expected a number from 0"),
    ("whisper", at(*FEATURES, "blocks", to=[2]), "an encoder as features demand it"),
    ("whisper", at(*FEATURES, "blocks", to=[0]), "no array that it does not use"),
    ("whisper", at(*FEATURES, "max_duration_s", to=60.0), "at most"),
    ("pair", at(*FEATURES, "encoders", to=["whisper_tiny"]), "features.kind encoders: expected 2 to 8 encoders"),
    ("pair", at(*FEATURES, "encoders", to=["whisper_tiny"] * 10**5), "2 to 8 encoders"),
    ("pair", at(*FEATURES, "encoders", to=["wav2vec2", "wav2vec2"]), "each encoder once"),
    ("pair", at(*FEATURES, "encoders", to=["whisper_tiny", "nobodys"]), "features.encoder"),
    ("pair", at(*FEATURES, "encoders", to=["whisper_tiny", "hubert"]), "texts of the encoder"),
    ("pair", at(*FEATURES, "encoders", to=["whisper_base", "wav2vec2"]), "an encoder as features demand it"),
    ("pair", at(*FEATURES, "encoders", to=["wav2vec2", 5]), r"features.encoders: expected a value of type str"),
    ("pair", at(*FEATURES, "blocks", to=[1, 1]), "features.blocks: expected a value of type tuple"),
    ("pair", at(*FEATURES, "blocks", to=[[1], [-1]]), "blocks: expected a number from 0"),
    ("pair", at(*FEATURES, "blocks", to=[[1], []]), "an encoder and its blocks"),
    ("pair", at(*FEATURES, "blocks", to=[[1]]), "blocks of each of 2 encoders"),
    ("pair", at(*FEATURES, "blocks", to=[[2], [1]]), "an encoder as features demand it"),
    ("pair", at(*FEATURES, "blocks", to=[[0], [1]]), "no array that it does not use"),
    ("pair", at(*FEATURES, "blocks", to=[[1] * 65, [1]]), "number of features.blocks"),
    ("pair", at(*FEATURES, "part", to="hidden"), "features.part hidden"),
    ("pair", at(*FEATURES, "pooling", to="none"), "0/scaler/mean"),
    ("pair", at("feature_sets", 0, "encoder_sha256"), "an encoder where"),
    ("tuned", at(*FEATURES, "tuned_blocks", to=0), "architecture encoder_tuned|does not use"),
]


@pytest.mark.parametrize(("name", "change", "message"), DESCRIPTIONS)
def test_descriptions_that_no_training_writes(tmp_path, files, name, change, message):
    parts = files(name)
    change(parts)
    found = error_of(tmp_path, parts)
    assert re.search(message, found), found


WEIGHTS, DENSITY, IDENTITY, ENCODER = (
    "weights.safetensors",
    "density.safetensors",
    "identity.npz",
    "encoder.safetensors",
)
KERNEL, SCALER = "0/params/Dense_1/kernel", "0/scaler/std"


def of(file, name, change):
    """A change of one array, or another one under a new name."""

    def apply(files):
        arrays = files.arrays[file]
        arrays[name] = np.asarray(change(np.array(arrays[name]) if name in arrays else None))

    return apply


def first(value):
    """A change of an array's first number."""

    def change(array):
        array.reshape(-1)[0] = value
        return array

    return change


ARRAYS = [
    ("cnn", of(WEIGHTS, KERNEL, np.transpose), r"of float32 \[4, 3\], found float32 \[3, 4\]"),
    ("cnn", of(WEIGHTS, KERNEL, lambda a: a > 0), "of type BOOL"),
    ("cnn", of(WEIGHTS, KERNEL, lambda a: a.astype(np.complex64)), "of type C64"),
    ("cnn", of(WEIGHTS, KERNEL, lambda a: a.astype(np.int32)), "found int32"),
    ("cnn", of(WEIGHTS, KERNEL, lambda a: a.astype(np.float64)), "found float64"),
    ("cnn", of(WEIGHTS, KERNEL, lambda a: a[:1]), r"found float32 \[1"),
    ("cnn", of(WEIGHTS, KERNEL, lambda a: a[None]), r"found float32 \[1"),
    ("cnn", of(WEIGHTS, KERNEL, first(np.nan)), "numbers that are finite"),
    ("cnn", of(WEIGHTS, KERNEL, first(np.inf)), "numbers that are finite"),
    ("cnn", of(WEIGHTS, SCALER, first(0.0)), "deviations from"),
    ("cnn", of(WEIGHTS, SCALER, first(-1.0)), "deviations from"),
    ("cnn", of(WEIGHTS, SCALER, lambda a: a.T), r"scaler/std of float32 \[1, 8\], found float32 \[8, 1\]"),
    ("cnn", of(WEIGHTS, "0/stats/BatchNorm_0/x", lambda _: np.zeros(3, "f4")), "no array that the model does not use"),
    ("cnn", of(WEIGHTS, "9/params/x", lambda _: np.zeros(9_000_000, "f4")), "no array that the model does not use"),
    ("cnn", of(WEIGHTS, f"{KERNEL}/x", lambda _: np.zeros(3, "f4")), "no array that the model does not use"),
    ("cnn", of(DENSITY, "scale", first(0.0)), "a positive scale"),
    ("cnn", of(DENSITY, "variances", first(-1.0)), "a positive variances"),
    ("cnn", of(DENSITY, "limit", lambda a: -a), "a positive limit"),
    ("cnn", of(DENSITY, "components", lambda a: 2 * a), "orthonormal components"),
    ("cnn", of(DENSITY, "mean", lambda a: a[:1]), r"mean of float32 \[16\]"),
    ("cnn", of(IDENTITY, "digests", lambda a: a[:, :16]), "digests: expected uint8"),
    ("cnn", of(IDENTITY, "digests", lambda a: a[:3]), "digests: expected uint8"),
    ("cnn", of(IDENTITY, "frames", lambda a: -a), "frames"),
    ("cnn", of(IDENTITY, "words", lambda a: a[:-1]), "another number of loud frames"),
    ("cnn", of(IDENTITY, "sample_rate_hz", lambda a: np.int64(0)), "at 0 Hz"),
    ("cnn", of(IDENTITY, "people", lambda a: np.full(3, 255, np.uint8)), "people"),
    ("cnn", of(IDENTITY, "x", lambda _: np.zeros(3)), "nothing uses"),
    ("ensemble", of(WEIGHTS, "1/scaler/mean", first(5.0)), "one scaler for each feature set"),
    ("lda", of(WEIGHTS, "0/params/gram", lambda a: a[:2]), "gram of float32"),
    ("fusion", of(WEIGHTS, "0/modality_scalers/face/std", first(0.0)), "modality_scalers|deviations"),
    ("whisper", of(ENCODER, "encoder/x", lambda _: np.zeros(3, "f2")), "no array that it does not use"),
    ("whisper", of(ENCODER, "encoder/conv1/bias", lambda a: a[:8]), "an encoder as features demand it"),
    ("whisper", of(ENCODER, "encoder/conv1/bias", lambda a: a.astype(np.int32)), "arrays of an encoder"),
    ("whisper", of(ENCODER, "encoder/conv1/bias", lambda a: a.astype(np.float32)), "arrays of an encoder"),
    ("wav2vec2", of(ENCODER, "encoder/layout", lambda a: str(a).replace("[5, 2", "[5, 1")), "strides|encoder"),
    ("wav2vec2", of(ENCODER, "encoder/layout", lambda a: "x" * 20_000), "a text of 20000"),
    ("wav2vec2", of(ENCODER, "encoder/words", lambda a: "x"), "encoder"),
    ("pair", of(ENCODER, "encoder/conv1/bias", lambda _: np.zeros(64, "f2")), "no array that it does not use"),
    ("pair", of(ENCODER, "encoder/hubert/x", lambda _: np.zeros(64, "f2")), "no array that it does not use"),
    ("pair", of(ENCODER, "encoder/wav2vec2", lambda _: np.zeros(64, "f2")), "names that differ"),
    ("pair", of(ENCODER, "encoder/layout", lambda _: "x"), "texts of the encoder"),
    ("pair", of(ENCODER, "encoder/whisper_tiny/layout", lambda _: "x"), "texts of the encoder"),
    ("pair", of(ENCODER, "encoder/whisper_tiny/conv1/bias", lambda a: a[:8]), "an encoder as features demand it"),
]


@pytest.mark.parametrize(("name", "change", "message"), ARRAYS)
def test_arrays_that_no_training_gives(tmp_path, files, name, change, message):
    parts = files(name)
    change(parts)
    found = error_of(tmp_path, parts)
    assert re.search(message, found), found


def test_a_missing_array_and_a_variance_below_0(tmp_path, files):
    parts = files("cnn")
    var = next(name for name in parts.arrays[WEIGHTS] if name.endswith("/var"))
    of(WEIGHTS, var, first(-0.1))(parts)
    assert "variances of at least 0" in error_of(tmp_path, parts)
    (tmp_path / "changed" / "model.json").unlink()
    (tmp_path / "changed").rename(tmp_path / "first")
    del parts.arrays[WEIGHTS][var]
    assert f"the array {var} of float32" in error_of(tmp_path, parts)


def _fifo(path):
    path.unlink()
    os.mkfifo(path)


def _link(target):
    def change(path):
        path.unlink()
        path.symlink_to(target)

    return change


WAYS = {"fifo": _fifo, "device": _link("/dev/zero"), "folder": _link("."), "nowhere": _link("nowhere")}


@pytest.mark.parametrize("file", ["model.json", WEIGHTS, IDENTITY, DENSITY])
@pytest.mark.parametrize("change", WAYS.values(), ids=WAYS)
def test_files_that_are_none(tmp_path, files, file, change):
    parts = files("cnn")
    parts.special[file] = change
    error_of(tmp_path, parts)


def test_a_large_file_is_refused_before_it_is_read(tmp_path, files):
    parts = files("cnn")
    for file in (WEIGHTS, IDENTITY, "model.json"):
        parts.special[file] = lambda path: os.truncate(path, 2**36)
    error_of(tmp_path, parts)


def test_links_to_files_are_read_as_the_cache_of_a_hub_has_them(tmp_path, files):
    files("cnn")
    (tmp_path / "snapshot").mkdir()
    for path in (tmp_path / "whole").iterdir():
        (tmp_path / "snapshot" / path.name).symlink_to(path)
    assert model_folder.load(tmp_path / "snapshot").labels == small_models.LABELS


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("1.2,", "NaN,"),
        ("1.2,", "1e999,"),
        ("1.2,", "1" + "0" * 30 + ","),
        ("1.2,", '1.2, "temperature": 3.0,'),
        ('"small"', "[" * 100_000 + "]" * 100_000),
        ('"small"', "[" * 40 + "]" * 40),
        ('"angry"', '"\\ud800"'),
    ],
)
def test_texts_of_descriptions_that_python_would_read(tmp_path, files, old, new):
    parts = files("cnn")
    text = json.dumps(parts.description)
    assert old in text
    parts.text = text.replace(old, new, 1).encode()
    error_of(tmp_path, parts)
    with pytest.raises(ValueError):
        strict_json.parsed(parts.text)


def test_archives_that_lie(tmp_path, files):
    rng = np.random.default_rng(1)
    for kind in range(12):
        parts = files("cnn").as_archives()
        arrays = parts.arrays["weights.npz"]
        parts.content["weights.npz"] = model_changes.lying_archive(rng, arrays) if kind else b"PK\3\4"
        folder = tmp_path / f"{kind}"
        folder.mkdir()
        parts.write(folder)
        with pytest.raises(VoxJaxError):
            model_folder.load(folder)
