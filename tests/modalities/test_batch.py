"""Further modalities of a batch: gathered, standardised, and dropped at random, but never all of a clip's."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.train.test_step import DETERMINISTIC, HYPER, INIT, data, largest_difference
from voxjax import models
from voxjax.audio import normalize
from voxjax.config import FrameFeatures
from voxjax.modalities import batch as modality_batch
from voxjax.train import step

KEY = jax.random.key(2)
AUDIO = {"filters": (4,), "kernels": (3,), "lstm": (), "dense": (6,), "pooling": "attention", "heads": 4}
OPTIONS = {"modalities": ("text", "face"), "audio": AUDIO, "embed": 8, "project": 8, "heads": 2, "dense": (8,)}


def fusing():
    network = models.build("fusion", OPTIONS, 4)
    return step.Task(network, FrameFeatures(mels=16), 4, "focal", modalities=("text", "face"))


def several():
    """The audio of `test_step`, with text for the odd clips and a face for the first six."""
    random, own = np.random.default_rng(4), data()
    text = modality_batch.Sequences(
        random.normal(3, 2, (12, 1, 7)).astype(np.float32), np.arange(12, dtype=np.int32) % 2
    )
    face = modality_batch.Sequences(
        random.normal(1, 2, (12, 5, 3)).astype(np.float32), np.where(np.arange(12) < 6, 5, 0).astype(np.int32)
    )
    sequences = {"text": text, "face": face}
    scalers = {name: normalize.fit(one.values, one.lengths, 1) for name, one in sequences.items()}
    clips = own.clips._replace(modality_inputs=jax.tree.map(jnp.asarray, sequences))
    return own._replace(clips=clips, modality_scalers=jax.tree.map(jnp.asarray, scalers))


def masks(present):
    return {name: jnp.asarray(rows)[:, None] & jnp.ones((1, 4), bool) for name, rows in present.items()}


@pytest.mark.parametrize("rate", [0.0, 0.3, 1.0])
def test_modality_dropout_never_drops_all_modalities_of_a_clip(rate):
    random = np.random.default_rng(0)
    present = {name: random.uniform(size=600) < 0.5 for name in ("audio", "text", "face")}
    inputs = {name: jnp.ones((600, 4, 2)) for name in present}
    keys = jax.random.split(KEY, 600)
    dropped, kept = modality_batch.drop(keys, jnp.float32(rate), inputs, masks(present))
    for name, rows in present.items():
        assert not np.any(np.asarray(kept[name][:, 0]) & ~rows), "a missing modality stays missing"
        assert not np.any(np.asarray(dropped[name])[~np.asarray(kept[name])])
    before, after = (sum(np.asarray(m[name][:, 0], int) for name in present) for m in (masks(present), kept))
    np.testing.assert_array_equal(after > 0, before > 0)
    if rate in (0.0, 1.0):  # at 1 none would be left, so all are kept
        np.testing.assert_array_equal(after, before)
    else:
        lost = 1 - after[before == 3].mean() / 3
        assert lost == pytest.approx(rate * (1 - rate**2), abs=0.05)


def test_a_batch_has_each_clips_own_modalities_standardised():
    own = several()
    no_dropout = step.traced(dataclasses.replace(DETERMINISTIC, modality_dropout=0.0))
    gather = jax.jit(step.batch, static_argnums=0)
    batch = gather(fusing(), no_dropout, jnp.float32(0.5), own, jnp.array([3, 8], jnp.int32), KEY)
    assert {name: m.any(1).tolist() for name, m in batch.mask.items()} == {
        "audio": [True, True],
        "text": [True, False],
        "face": [True, False],
    }
    scaler, face = own.modality_scalers["face"], own.clips.modality_inputs["face"]
    np.testing.assert_allclose(batch.inputs["face"][0], (face.values[3] - scaler.mean) / scaler.std, atol=1e-5)
    assert not np.any(batch.inputs["text"][1]) and not np.any(batch.inputs["face"][1])


def test_scalers_ignore_clips_without_the_modality():
    own = several()
    values = np.asarray(own.clips.modality_inputs["face"].values[:6]).reshape(-1, 3)
    np.testing.assert_allclose(own.modality_scalers["face"].mean[0], values.mean(0), rtol=1e-5)
    np.testing.assert_allclose(own.modality_scalers["face"].std[0], values.std(0), rtol=1e-4)


def test_training_lowers_the_loss_and_is_a_function_of_the_key():
    own, task, hyper = several(), fusing(), step.traced(dataclasses.replace(HYPER, modality_dropout=0.4))
    function = jax.jit(step.train_step, static_argnums=0)
    state = INIT(task, hyper, KEY, own)
    indices = jnp.arange(8, dtype=jnp.int32)
    one, sums = function(task, hyper, state, own, indices, KEY)
    two, again = function(task, hyper, state, own, indices, KEY)
    assert float(sums.loss) == float(again.loss) and largest_difference(one.variables, two.variables) == 0
    assert float(function(task, hyper, state, own, indices, jax.random.key(9))[1].loss) != float(sums.loss)
    no_dropout = step.traced(dataclasses.replace(DETERMINISTIC, modality_dropout=0.0))
    compiled, losses = function._cache_size(), []
    for _ in range(40):
        state, sums = function(task, no_dropout, state, own, indices, KEY)
        losses.append(float(sums.loss))
    assert np.mean(losses[-5:]) < 0.6 * losses[0] and function._cache_size() == compiled


def test_logits_do_not_depend_on_a_missing_modality():
    own, task = several(), fusing()
    state = INIT(task, step.traced(HYPER), KEY, own)
    odd = own.clips.modality_inputs["text"]
    changed = odd._replace(values=jnp.where(jnp.arange(12)[:, None, None] % 2 == 1, odd.values, 1e4))
    other = own._replace(clips=own.clips._replace(modality_inputs={**own.clips.modality_inputs, "text": changed}))
    evaluate = jax.jit(step.evaluate, static_argnums=0)
    indices = jnp.arange(12)
    np.testing.assert_array_equal(
        evaluate(task, state.variables, own, indices), evaluate(task, state.variables, other, indices)
    )


def test_map_rows_changes_all_arrays_of_clips_but_pretrained_ones():
    own = several().clips._replace(pretrained={"kernel": jnp.ones((5, 5))})
    few = own.map_rows(lambda x: x[:2])
    assert (
        few.features.shape[0]
        == few.modality_inputs["text"].values.shape[0]
        == few.modality_inputs["face"].lengths.shape[0]
        == 2
    )
    assert few.pretrained["kernel"].shape == (5, 5)
