"""The model folder: complete, equal after reading, with clear errors."""

import dataclasses
import functools
import hashlib
import json
import pathlib
import zipfile

import numpy as np
import pytest
import safetensors.numpy

from voxjax import models
from voxjax.artifacts import abstract_shapes, array_files, migration, model_folder
from voxjax.artifacts.model_folder import TrainedFeatures, TrainedMember, TrainedModel
from voxjax.audio.normalize import Scaler
from voxjax.config import FrameFeatures
from voxjax.errors import VoxJaxError
from voxjax.storage import sealed_json

CHECKPOINTS = pathlib.Path(__file__).resolve().parents[2] / "checkpoints"


FEATURES = FrameFeatures(channels=("logmel", "energy"), mels=40, trim_db=30.0)
SMALL = {"filters": [2], "kernels": [3], "lstm": [3, 2], "dense": [4]}


def member(seed, weight=1.0, architecture="optimized", options=SMALL, modalities=()):
    """A member with random weights of the shapes that its network has."""
    rng = np.random.default_rng(seed)
    network = models.build(architecture, options, 2)
    shape = abstract_shapes.of_features(FEATURES, ())
    needed, optional = abstract_shapes.of_variables(network, shape, dict(modalities))
    tree = {"params": {}, "stats": {}}
    for name, header in {**needed, **optional}.items():
        *parents, leaf = name.split("/")
        at = functools.reduce(lambda at, parent: at.setdefault(parent, {}), parents, tree)
        at[leaf] = np.abs(rng.normal(size=header.shape)).astype(np.float32)
    scaler = Scaler(np.full((1, 41), -3.0, np.float32), np.ones((1, 41), np.float32))
    return TrainedMember(architecture, options, weight, tree, scaler)


def trained(*members):
    meta = {"name": "tiny", "figures": {"uar": 0.5}, "licence": "Trained on synthetic speech."}
    labels, first = ("calm", "böse"), members[0]
    sets = (TrainedFeatures(FEATURES),) * (1 + max(one.feature_set for one in members))
    return TrainedModel(first.architecture, first.options, labels, sets, 1.5, list(members), meta)


def features(model):
    return [one.features for one in model.feature_sets]


def complete(one):
    """Options with those that keep their defaults."""
    return models.options(one.architecture, one.options) if one.options else {}


def assert_same(a, b):
    assert (a.architecture, complete(a), a.labels, features(a), a.temperature, a.meta) == (
        b.architecture, complete(b), b.labels, features(b), b.temperature, b.meta,
    )  # fmt: skip
    for one, other in zip(a.feature_sets, b.feature_sets, strict=True):
        np.testing.assert_equal(one.encoder, other.encoder)
    for one, other in zip(a.members, b.members, strict=True):
        assert (one.architecture, complete(one), one.weight) == (other.architecture, complete(other), other.weight)
        assert one.variables["params"].keys() == other.variables["params"].keys()
        np.testing.assert_equal(one.variables, other.variables)
        np.testing.assert_equal(one.scaler._asdict(), other.scaler._asdict())


def test_a_loaded_model_equals_the_saved_one(tmp_path):
    written = trained(member(0), member(1, weight=0.25))
    model_folder.save(tmp_path / "a" / "model", written)
    assert_same(model_folder.load(tmp_path / "a" / "model"), written)


def test_a_network_without_statistics_is_saved_and_loaded(tmp_path):
    plain = member(0, architecture="lda", options={})
    assert plain.variables["stats"] == {}
    model_folder.save(tmp_path, trained(plain))
    assert model_folder.load(tmp_path).members[0].variables["stats"] == {}


def test_the_same_model_gives_the_same_bytes(tmp_path):
    for name in ("a", "b"):
        model_folder.save(tmp_path / name, trained(member(0)))
    for file in ("model.json", "weights.safetensors"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


def test_replacing_a_model_keeps_only_the_card(tmp_path):
    model_folder.save(tmp_path, trained(member(0)))
    (tmp_path / "README.md").write_text("card")
    model_folder.save(tmp_path, trained(member(1)))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["README.md", "model.json", "weights.safetensors"]
    assert_same(model_folder.load(tmp_path), trained(member(1)))


def test_texts_and_numbers_without_an_axis_are_saved_and_loaded(tmp_path):
    arrays = {"a/b": np.float32(2.5), "a/kind": np.asarray('ä "x"'), "c": np.arange(6.0).reshape(2, 3).T}
    content = array_files.packed({name: np.asarray(one) for name, one in arrays.items()})
    (tmp_path / "weights.safetensors").write_bytes(content)
    file = array_files.ArrayFile(tmp_path / "weights.safetensors", hashlib.sha256(content).hexdigest(), "arrays")
    tree = file.nested()
    assert {name: str(one) for name, one in file.headers.items()} == {
        "a/b": "float32 []", "a/kind": "text []", "c": "float64 [3, 2]",
    }  # fmt: skip
    assert tree["a"]["b"].shape == () and tree["a"]["b"] == 2.5 and tree["a"]["kind"].item() == 'ä "x"'
    np.testing.assert_array_equal(tree["c"], arrays["c"])
    assert content == array_files.packed({name: np.asarray(one) for name, one in reversed(arrays.items())})


def test_saving_over_an_older_model_removes_its_archives(tmp_path):
    model_folder.save(tmp_path, trained(member(0)))
    as_archive(tmp_path)
    model_folder.save(tmp_path, trained(member(1)))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.json", "weights.safetensors"]


def test_objects_are_never_pickled(tmp_path):
    bad = member(0)
    bad.variables["params"]["Dense_0"]["bias"] = np.array([{}, {}], dtype=object)
    with pytest.raises(TypeError, match="expected an array of numbers, found object"):
        model_folder.save(tmp_path, trained(bad))
    assert not (tmp_path / "model.json").exists()


def test_scalers_of_modalities_are_saved_and_loaded(tmp_path):
    face = Scaler(np.arange(2, dtype=np.float32)[None], np.ones((1, 2), np.float32))
    options = {"modalities": ["face"], "audio": SMALL, "embed": 4, "project": 4, "dense": [3]}
    fused = member(0, 1.0, "fusion", options, {"face": 2})
    fused = dataclasses.replace(fused, modality_scalers={"face": face}, columns={"face": ("a", "b")})
    plain = member(1)
    model_folder.save(tmp_path / "fused", trained(fused, plain))
    model_folder.save(tmp_path / "plain", trained(plain))
    first, second = model_folder.load(tmp_path / "fused").members
    np.testing.assert_equal(first.modality_scalers["face"]._asdict(), face._asdict())
    assert first.modalities == {"face": 2} and second.modalities == {}
    assert first.columns == {"face": ("a", "b")} and second.columns == {}
    for other in (
        {"modality_scalers": {"face": Scaler(face.mean[:, :1], face.std[:, :1])}},
        {"columns": {"face": ("c",)}},
    ):
        with pytest.raises(VoxJaxError, match="modality face, of all members: expected 2 numbers a, b, found"):
            trained(fused, dataclasses.replace(fused, **other))


def edit(**changes):
    def change(folder):
        path = folder / "model.json"
        path.write_text(sealed_json.text({**json.loads(path.read_text()), **changes}))

    return change


def without(key):
    def change(folder):
        path = folder / "model.json"
        path.write_text(sealed_json.text({k: v for k, v in json.loads(path.read_text()).items() if k != key}))

    return change


def replace(old, new):
    def change(folder):
        path = folder / "model.json"
        path.write_text(path.read_text().replace(old, new))

    return change


def cut(name):
    def change(folder):
        path = folder / name
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])

    return change


def other_weights(folder):
    with open(folder / "weights.safetensors", "ab") as file:
        file.write(b"more")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda folder: (folder / "model.json").unlink(), r"model: expected a folder with model\.json"),
        (
            lambda folder: (folder / "weights.safetensors").unlink(),
            r"weights\.safetensors: expected the weights, found No such",
        ),
        (cut("model.json"), r"model\.json: expected a whole description"),
        (cut("weights.safetensors"), r"weights\.safetensors: expected the weights that model\.json describes"),
        (other_weights, r"weights\.safetensors: expected the weights that model\.json describes"),
        (without("labels"), "KeyError 'labels'"),
        (without("members"), "KeyError 'members'"),
        (edit(members="x"), "members: expected list, found 'x'"),
        (edit(format=9), r"expected format 8 or older, found 9 \(by VoxJAX .*install a newer VoxJAX"),
        (replace("1.5", "1.7"), "whole description, found DamagedError values that differ from their digest"),
        (replace('"digest"', '"dagest"'), "dagest: expected no such key"),
        (edit(feature_sets=[{"features": {"mells": 3}}]), "did you mean 'features.mels'"),
    ],
)
def test_errors_of_damaged_folders(tmp_path, change, message):
    model_folder.save(tmp_path, trained(member(0)))
    change(tmp_path)
    with pytest.raises(VoxJaxError, match=message) as caught:
        model_folder.load(tmp_path)
    assert "\n" not in str(caught.value)


def test_the_error_names_a_missing_folder(tmp_path):
    with pytest.raises(VoxJaxError, match="nowhere"):
        model_folder.load(tmp_path / "nowhere")


FLAT = {
    "kind": "frames",
    "mels": 40,
    "channels": ["logmel", "energy"],
    "tuned_blocks": 0,
    "pooling": "none",
    "encoder": "",
}  # as in formats 1 to 4


def as_archive(folder):
    """Replaces the weights by a NumPy archive, as before format 7; returns the description."""
    weights = folder / "weights.safetensors"
    content = array_files.packed_archive(safetensors.numpy.load_file(weights))
    (folder / "weights.npz").write_bytes(content)
    weights.unlink()
    description = json.loads((folder / "model.json").read_text())
    del description["arrays"], description["digest"]
    return {**description, "sha256": hashlib.sha256(content).hexdigest()}


def older(folder, version, **changes):
    """The folder as an older VoxJAX wrote it."""
    path, new = folder / "model.json", as_archive(folder)
    new["meta"] = {"name": "tiny", "heard": ["0123"]}
    for row in new["members"]:
        row["view"] = row.pop("feature_set")
        del row["modalities"], row["columns"]
    del new["feature_sets"], new["identity_sha256"]
    path.write_text(json.dumps({**new, "format": version, **changes}))


@pytest.mark.parametrize(
    ("version", "changes"), [(1, {"features": FLAT}), (3, {"views": [{"features": FLAT}, {"features": FLAT}]})]
)
def test_a_folder_of_an_older_format_is_migrated(tmp_path, version, changes):
    sets = [0, 1] if "views" in changes else [0, 0]
    made = [dataclasses.replace(member(i, 1.0, "lda", {}), feature_set=one) for i, one in enumerate(sets)]
    model_folder.save(tmp_path, trained(*made))
    older(tmp_path, version, architecture="discriminant", **changes)
    model = model_folder.load(tmp_path)
    assert model.architecture == "lda" and model.meta == {"name": "tiny", "training_clips": ["0123"]}
    assert {one.features for one in model.feature_sets} == {FrameFeatures(mels=40, channels=("logmel", "energy"))}
    assert [one.feature_set for one in model.members] == sets
    model_folder.save(tmp_path / "new", model)
    assert json.loads((tmp_path / "new/model.json").read_text())["format"] == migration.FORMAT
    assert_same(model_folder.load(tmp_path / "new"), model)


def test_older_names_of_modality_scalers_are_migrated():
    assert migration.array_name("0/others/face/mean") == "0/modality_scalers/face/mean"
    assert migration.array_name("0/params/Dense_0/kernel") == "0/params/Dense_0/kernel"


@pytest.mark.parametrize("folder", sorted(CHECKPOINTS.glob("*/model.json")), ids=lambda path: path.parent.name)
def test_shipped_models_load_and_are_saved_in_the_current_format(folder, tmp_path):
    model = model_folder.load(folder.parent)
    assert model.meta["training_clips"] and "heard" not in model.meta
    model_folder.save(tmp_path, model)
    assert_same(model_folder.load(tmp_path), model)


def test_a_file_of_arrays_written_by_numpy_2_0_is_read(tmp_path):
    """NumPy 2.0 took the option `allow_pickle` for one more array."""
    with zipfile.ZipFile(tmp_path / "weights.npz", "w") as archive:
        for name, values in {"0/a/b": np.arange(3.0), "allow_pickle": np.array(False)}.items():
            with archive.open(f"{name}.npy", "w") as file:
                np.lib.format.write_array(file, values)
    content = (tmp_path / "weights.npz").read_bytes()
    tree = array_files.ArrayFile(tmp_path / "weights.npz", hashlib.sha256(content).hexdigest(), "arrays").nested()
    assert tree.keys() == {"0"} and tree["0"].keys() == {"a"}
    np.testing.assert_array_equal(tree["0"]["a"]["b"], [0.0, 1.0, 2.0])
