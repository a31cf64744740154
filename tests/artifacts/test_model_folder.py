"""The model folder: whole, equal after reading, and plain about what is wrong with it."""

import dataclasses
import json
import zipfile

import numpy as np
import pytest

from voxjax.artifacts import model_folder
from voxjax.artifacts.model_folder import Member, Trained, View
from voxjax.audio.normalize import Scaler
from voxjax.config import FrameFeatures
from voxjax.errors import VoxJaxError


def member(seed, weight=1.0):
    rng = np.random.default_rng(seed)
    params = {"Dense_0": {"kernel": rng.normal(size=(4, 3)).astype(np.float32), "bias": np.zeros(3, np.float32)}}
    stats = {"BatchNorm_0": {"mean": rng.normal(size=3).astype(np.float32)}}
    scaler = Scaler(rng.normal(size=(1, 5)).astype(np.float32), np.ones((1, 5), np.float32))
    return Member("optimized", {"lstm": [3, 2]}, weight, {"params": params, "stats": stats}, scaler)


def trained(*members):
    features = FrameFeatures(channels=("logmel", "energy"), mels=40, trim_db=30.0)
    meta = {"name": "tiny", "figures": {"uar": 0.5}, "licence": "Trained on synthetic speech."}
    return Trained("optimized", {"lstm": [3, 2]}, ("calm", "böse"), (View(features),), 1.5, list(members), meta)


def assert_same(a, b):
    assert (a.architecture, a.options, a.labels, a.views, a.temperature, a.meta) == (
        b.architecture, b.options, b.labels, b.views, b.temperature, b.meta,
    )  # fmt: skip
    for one, other in zip(a.members, b.members, strict=True):
        assert (one.architecture, one.options, one.weight) == (
            other.architecture,
            other.options,
            other.weight,
        )
        assert one.variables["params"].keys() == other.variables["params"].keys()
        np.testing.assert_equal(one.variables, other.variables)
        np.testing.assert_equal(one.scaler._asdict(), other.scaler._asdict())


def test_comes_back_equal(tmp_path):
    written = trained(member(0), member(1, weight=0.25))
    model_folder.save(tmp_path / "a" / "model", written)
    assert_same(model_folder.load(tmp_path / "a" / "model"), written)


def test_a_network_without_statistics_comes_back(tmp_path):
    plain = member(0)
    plain = Member("cnn", {}, 1.0, {"params": plain.variables["params"], "stats": {}}, plain.scaler)
    model_folder.save(tmp_path, trained(plain))
    assert model_folder.load(tmp_path).members[0].variables["stats"] == {}


def test_same_model_gives_the_same_bytes(tmp_path):
    for name in ("a", "b"):
        model_folder.save(tmp_path / name, trained(member(0)))
    for file in ("model.json", "weights.npz"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


def test_replacing_keeps_the_card_and_leaves_nothing_else(tmp_path):
    model_folder.save(tmp_path, trained(member(0)))
    (tmp_path / "README.md").write_text("card")
    model_folder.save(tmp_path, trained(member(1)))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["README.md", "model.json", "weights.npz"]
    assert_same(model_folder.load(tmp_path), trained(member(1)))


def test_objects_are_never_pickled(tmp_path):
    bad = member(0)
    bad.variables["params"]["Dense_0"]["bias"] = np.array([{}, {}], dtype=object)
    with pytest.raises(ValueError, match="allow_pickle"):
        model_folder.save(tmp_path, trained(bad))
    assert not (tmp_path / "model.json").exists()


def test_scalers_of_other_modalities_come_back_under_a_newer_format(tmp_path):
    face = Scaler(np.arange(7, dtype=np.float32)[None], np.ones((1, 7), np.float32))
    plain = member(0)
    fused = dataclasses.replace(plain, other_scalers={"face": face}, columns={"face": ("a", "b")})
    model_folder.save(tmp_path / "fused", trained(fused, plain))
    model_folder.save(tmp_path / "plain", trained(plain))
    first, second = model_folder.load(tmp_path / "fused").members
    np.testing.assert_equal(first.other_scalers["face"]._asdict(), face._asdict())
    assert first.modalities == {"face": 7} and second.modalities == {}
    assert first.columns == {"face": ("a", "b")} and second.columns == {}
    formats = [json.loads((tmp_path / name / "model.json").read_text())["format"] for name in ("fused", "plain")]
    assert formats == [4, 1]
    for other in (
        {"other_scalers": {"face": Scaler(face.mean[:, :6], face.std[:, :6])}},
        {"columns": {"face": ("c",)}},
    ):
        with pytest.raises(VoxJaxError, match="modality face, of all members: expected 7 numbers a, b, found"):
            trained(fused, dataclasses.replace(fused, **other))


def edit(**changes):
    def change(folder):
        path = folder / "model.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))

    return change


def without(key):
    def change(folder):
        path = folder / "model.json"
        path.write_text(json.dumps({k: v for k, v in json.loads(path.read_text()).items() if k != key}))

    return change


def cut(name):
    def change(folder):
        path = folder / name
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])

    return change


def other_weights(folder):
    with zipfile.ZipFile(folder / "weights.npz", "a") as archive:
        archive.writestr("0/more.npy", b"")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda folder: (folder / "model.json").unlink(), r"model: expected a folder with model\.json"),
        (
            lambda folder: (folder / "weights.npz").unlink(),
            r"weights\.npz: expected the weights, found No such",
        ),
        (cut("model.json"), r"model\.json: expected a whole description"),
        (cut("weights.npz"), r"weights\.npz: expected the weights that model\.json describes"),
        (other_weights, r"weights\.npz: expected the weights that model\.json describes"),
        (without("labels"), "KeyError 'labels'"),
        (without("members"), "KeyError 'members'"),
        (edit(members="x"), "expected a whole description"),
        (edit(format=5), r"expected format 4 or older, found 5 \(by VoxJAX .*install a newer VoxJAX"),
        (edit(features={"mells": 3}), "did you mean 'features.mels'"),
    ],
)
def test_says_what_is_wrong(tmp_path, change, said):
    model_folder.save(tmp_path, trained(member(0)))
    change(tmp_path)
    with pytest.raises(VoxJaxError, match=said) as caught:
        model_folder.load(tmp_path)
    assert "\n" not in str(caught.value)


def test_missing_folder_is_named(tmp_path):
    with pytest.raises(VoxJaxError, match="nowhere"):
        model_folder.load(tmp_path / "nowhere")
