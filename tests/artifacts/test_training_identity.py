"""What a model folder says about its training clips: kept whole, united, and needed whole."""

import dataclasses
import json

import numpy as np
import pytest

from tests.artifacts.test_model_folder import CHECKPOINTS, as_archive, member, older, trained
from tests.leaks import DISGUISES
from voxjax.artifacts import model_folder, training_identity
from voxjax.audio import fingerprint
from voxjax.audio.sample_hash import sample_hash
from voxjax.data import synthetic
from voxjax.data.manifest import Clip, Manifest
from voxjax.errors import VoxJaxError

RATE_HZ = 16_000


def voice(take):
    return synthetic.render(synthetic.SPEAKERS[take % 4], "sad", take // 4).astype(np.float32)


def described(samples):
    return [sample_hash(one) for one in samples], [fingerprint.of(one) for one in samples]


def identity(takes, people=("own/zoë", "ravdess/actor_01", "")):
    clips = [Clip(f"{i}.wav", "folder", "x", "", "sad", "", "", "", f"{i}", person=one) for i, one in enumerate(people)]
    return training_identity.of_training(Manifest(None, tuple(clips)), *described([voice(i) for i in takes]), RATE_HZ)


def assert_equal(a, b):
    assert (a.sample_rate_hz, a.people) == (b.sample_rate_hz, b.people)
    np.testing.assert_array_equal(a.digests, b.digests)
    for one, other in zip(a.prints, b.prints, strict=True):
        np.testing.assert_equal(one._asdict(), other._asdict())


def test_an_identity_is_read_as_it_was_written_and_small():
    written = identity(range(6))
    content = training_identity.to_bytes(written)
    assert_equal(training_identity.from_bytes(content), written)
    assert written.people == ("own/zoë", "ravdess/actor_01") and len(content) < 500 * 6 + 2_000
    empty = identity([], [])
    assert_equal(training_identity.from_bytes(training_identity.to_bytes(empty)), empty)


@pytest.mark.parametrize("disguise", DISGUISES)
def test_its_recordings_are_known_in_any_disguise_and_others_are_not(disguise):
    changed = [DISGUISES[disguise](voice(i)).astype(np.float32) for i in range(6)]
    assert identity(range(4)).known(*described(changed)).tolist() == [True] * 4 + [False] * 2


def test_several_identities_are_united():
    both = training_identity.united([identity([0, 1], ["own/a"]), identity([1, 2], ["own/b"])])
    assert_equal(both, identity([0, 1, 2], ["own/b", "own/a"]))


def test_a_model_folder_keeps_it_and_needs_it_whole(tmp_path):
    model = dataclasses.replace(trained(member(0)), identity=identity(range(3)))
    model_folder.save(tmp_path, model)
    assert_equal(model_folder.load(tmp_path).identity, model.identity)
    path = tmp_path / "identity.npz"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(VoxJaxError, match=r"identity\.npz: expected the identity of the training clips that model"):
        model_folder.load(tmp_path)
    path.unlink()
    with pytest.raises(VoxJaxError, match=r"identity\.npz: expected the identity .* found No such"):
        model_folder.load(tmp_path)


@pytest.mark.parametrize("version", [1, 5])
def test_it_is_added_to_a_folder_of_an_older_format(tmp_path, version):
    model_folder.save(tmp_path, trained(member(0)))
    if version == 5:
        path, new = tmp_path / "model.json", as_archive(tmp_path)
        del new["identity_sha256"]
        path.write_text(json.dumps({**new, "format": 5}))
    else:
        older(tmp_path, 1, features={"kind": "frames", "mels": 40, "channels": ["logmel", "energy"]})
    weights, before = (tmp_path / "weights.npz").read_bytes(), model_folder.load(tmp_path)
    assert before.identity is None
    model_folder.add(tmp_path, identity(range(3)), None)
    after = model_folder.load(tmp_path)
    assert_equal(after.identity, identity(range(3)))
    assert (tmp_path / "weights.npz").read_bytes() == weights
    assert (after.meta, after.labels, after.options) == (before.meta, before.labels, before.options)


@pytest.mark.parametrize("folder", sorted(CHECKPOINTS.glob("*/model.json")), ids=lambda path: path.parent.name)
def test_shipped_models_say_what_they_have_learnt_from(folder):
    known = model_folder.load(folder.parent).identity
    actors = [f"ravdess/actor_{actor:02d}" for actor in range(1, 25)]
    german = [f"emodb/{voice:02d}" for voice in (3, *range(8, 17))] if folder.parent.name == "whisper_robust" else []
    clips = 1_439 + (454 if german else 0)  # RAVDESS has 1,440 clips, two of which are equal
    assert len(known.digests) == len(known.prints) == clips
    assert known.people == (*german, *actors)
