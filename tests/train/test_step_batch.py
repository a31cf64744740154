"""The clips of a step: copies, mixup, distortions and modalities follow their ramps, as the draws of the batch say."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.train.probe import BATCH, INDICES, KEY, STILL, data, task, with_text
from voxjax.audio import augment
from voxjax.train import step


def batch(hyper, at, clips, indices, own=None):
    """The batch of a key at a fraction of the training, and the draws it is made with."""
    made = BATCH(own or task(), step.traced(hyper), jnp.float32(at), clips, indices, KEY)
    return made, augment.draws(KEY, indices.size)


MANY = jnp.arange(200, dtype=jnp.int32) % 10


@pytest.mark.parametrize(("at", "part"), [(0.0, 0.0), (0.1, 0.5), (0.3, 1.0)])
def test_offline_copies_are_taken_as_often_as_their_ramp_says(at, part):
    """A copy is known by its content. All that are not the clip itself are equally frequent."""
    clips = data()
    made, draws = batch(dataclasses.replace(STILL, ramp_fraction=0.2, offline_augment_probability=0.8), at, clips, MANY)
    copy = np.round(np.asarray(made.inputs[:, 0, 0]) * 10 + 20 - 10 * np.asarray(MANY)).astype(int)
    coin, which = np.asarray(draws.copy).T
    np.testing.assert_array_equal(copy, np.where(coin < 0.8 * part, 1 + (which >= 0.5), 0))
    np.testing.assert_array_equal(np.sum(made.mask, axis=1), np.asarray(clips.clips.lengths)[MANY, copy])
    assert np.mean(copy > 0) == pytest.approx(0.8 * part, abs=0.08)


@pytest.mark.parametrize(("at", "part"), [(0.0, 0.0), (0.1, 0.5), (0.3, 1.0)])
def test_examples_are_mixed_as_often_as_their_ramp_says(at, part):
    hyper = dataclasses.replace(STILL, ramp_fraction=0.2, mixup_probability=0.8, mixup_alpha=0.4)
    clips = data()
    made, draws = batch(hyper, at, clips, MANY)
    order, quantile, coin = np.asarray(draws.mixup).T
    partner, mixed = np.argsort(order), coin < 0.8 * part
    own = np.where(mixed, augment.larger_weight(jnp.asarray(quantile), 0.4), 1.0)[:, None]
    labels = np.eye(3)[np.asarray(MANY) % 3]
    np.testing.assert_allclose(made.targets, own * labels + (1 - own) * labels[partner], atol=1e-6)
    first = (10.0 * np.asarray(MANY) - 20) / 10
    np.testing.assert_allclose(made.inputs[:, 0, 0], own[:, 0] * first + (1 - own[:, 0]) * first[partner], atol=1e-4)
    assert np.mean(mixed) == pytest.approx(0.8 * part, abs=0.08)


def test_a_batch_holds_the_scaled_clips_at_the_indices_and_zeros_after_their_end():
    clips = data()
    made, _ = batch(STILL, 0.5, clips, INDICES)
    for i, index in enumerate([0, 4, 8, 5]):
        length = 3 + index % 4
        np.testing.assert_allclose(made.inputs[i, :length], index - 2.0, atol=1e-6)
        assert not np.any(made.inputs[i, length:]) and not np.any(made.mask[i, length:]) and np.all(made.mask[i, :3])
    np.testing.assert_array_equal(made.targets, np.eye(3)[[0, 1, 2, 2]])


def test_distortions_and_masks_follow_the_ramp():
    """At 0 nothing changes; all the way up, gain moves whole clips and masks set frames to 0."""
    clips = data()
    loud = dataclasses.replace(STILL, ramp_fraction=1.0, gain_db=30.0)
    gains = []
    for at in (0.0, 0.5, 1.0):
        made, draws = batch(loud, at, clips, INDICES)
        change = 10 * (np.asarray(made.inputs[:, 0, 0]) - (np.asarray(INDICES) - 2.0))
        np.testing.assert_allclose(change, at * 30.0 * (2 * np.asarray(draws.gain) - 1), atol=1e-3)
        gains.append(np.abs(change).max())
    assert gains[0] == 0.0 and gains[2] == pytest.approx(2 * gains[1], rel=1e-3)
    hidden = dataclasses.replace(STILL, ramp_fraction=1.0, time_mask_fraction=0.9)
    masked = [int(np.sum(batch(hidden, at, clips, MANY)[0].inputs == 0)) for at in (0.0, 0.5, 1.0)]
    assert masked[0] < masked[1] < masked[2]
    short = batch(STILL, 0.0, clips, INDICES, task(crop=4))[0]
    assert short.inputs.shape == (4, 4, 4) and int(short.mask.sum()) == 3 + 3 + 3 + 4


def test_offsets_of_speakers_are_subtracted_where_a_member_has_them():
    speakers = jnp.arange(10, dtype=jnp.int32) % 2
    clips = data()
    clips = clips._replace(clips=clips.clips._replace(speakers=speakers))
    rows = jnp.array([3, 4], jnp.int32)
    np.testing.assert_array_equal(clips.features(rows, 1), clips.clips.features[rows, 1])
    offset = clips._replace(offsets=jnp.array([[[1.0] * 4], [[5.0] * 4]]))
    expected = np.asarray(clips.clips.features)[[3, 4], 2] - np.array([5.0, 1.0])[:, None, None]
    np.testing.assert_array_equal(offset.features(rows, 2), expected)
    nobody = offset._replace(clips=clips.clips._replace(speakers=None))
    np.testing.assert_array_equal(nobody.features(rows, 2), clips.clips.features[rows, 2])


def test_the_clips_of_a_closed_form_fit_are_read_scaled_by_number_and_copy():
    own = data()
    clips = step.training_clips(task(), own, jnp.array([7, 2], jnp.int32), KEY)
    assert clips.key is KEY
    assert clips.copies == 3 and clips.labels.tolist() == [1, 2]
    for copy in range(3):
        inputs, mask = clips.read(jnp.array([1, 0]), copy)
        values = np.array([20 + copy, 70 + copy]) / 10 - 2
        lengths = np.array([3 + (i + copy) % 4 for i in (2, 7)])
        valid = np.arange(6)[None, :] < lengths[:, None]
        np.testing.assert_array_equal(mask, valid)
        np.testing.assert_allclose(inputs, np.where(valid, values[:, None], 0.0)[..., None] * np.ones(4), atol=1e-6)


def test_changes_of_rows_leave_the_pretrained_blocks_alone():
    shift = {"shift": jnp.arange(3.0)}
    clips = data().clips._replace(pretrained=shift, speakers=jnp.arange(10))
    first = clips.map_rows(lambda x: x[:2])
    assert first.pretrained is shift and first.speakers.tolist() == [0, 1]
    assert {len(part) for part in (first.features, first.lengths, first.labels)} == {2}


def test_modalities_are_gathered_scaled_and_dropped_as_their_ramp_says():
    own, clips = task(modalities=("text",)), with_text({})
    hyper = dataclasses.replace(STILL, ramp_fraction=0.2, modality_dropout=0.8)
    made, _ = batch(hyper, 0.0, clips, INDICES, own)
    valid = np.arange(2)[None, :] < np.array([2, 2, 2, 1])[:, None]
    expected = (np.arange(60.0).reshape(10, 2, 3)[[0, 4, 8, 5]] - 10) / 4 * valid[..., None]
    np.testing.assert_array_equal(made.mask["text"], valid)
    np.testing.assert_allclose(made.inputs["text"], expected, atol=1e-6)
    for at in (0.1, 0.2):
        made, _ = batch(hyper, at, clips, MANY, own)
        keys = [jax.random.fold_in(KEY, i) for i in range(200)]
        kept = np.array([jax.random.uniform(key, (2,)) >= 0.8 * at / 0.2 for key in keys])
        kept[~kept.any(1)] = True
        found = np.stack([np.any(made.mask[name], axis=1) for name in ("audio", "text")], axis=1)
        np.testing.assert_array_equal(found, kept)


def test_what_a_task_and_its_data_leave_out():
    own, clips = task(), data()
    left_out = (own.loss, own.crop, own.precision, own.modalities, own.feature_set)
    assert left_out == ("focal", 0, "float32", (), 0)
    assert clips.modality_scalers == clips.clips.modality_inputs == clips.clips.pretrained == {}
    assert clips.offsets is clips.clips.speakers is None
    assert all(one.dtype == jnp.float32 for one in jax.tree.leaves(step.traced(STILL)))
