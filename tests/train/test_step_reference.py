"""A whole step against one written by hand: Optax on the parameter tree, the draws of the batch, NumPy's formulas."""

import dataclasses

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from voxjax import models
from voxjax.audio import augment, normalize
from voxjax.config import FrameFeatures, Hyper
from voxjax.modalities.batch import Sequences
from voxjax.train import step

KEY = jax.random.key(3)
STILL = Hyper(
    time_stretch=0.0, vtlp=0.0, gain_db=0.0, noise_probability=0.0, time_shift_frames=0.0, time_mask_fraction=0.0,
    frequency_mask_fraction=0.0, offline_augment_probability=0.0, mixup_probability=0.0, dropout=0.0, head_dropout=0.0,
)  # fmt: skip
ACTIVE = dataclasses.replace(
    STILL, learning_rate=0.05, warmup_fraction=0.1, ramp_fraction=0.5, loss_ramp_fraction=0.4, clip_norm=0.3, l2=0.2,
    weight_decay=0.3, label_smoothing=0.2, focal_gamma=1.5, dropout=0.3, head_dropout=0.4, ema_decay=0.15,
)  # fmt: skip
TOTAL = 20.0


class Probe(nn.Module):
    """A linear layer on means over time, whose logits show the dropout rates, the key and the pretrained part."""

    classes: int

    @nn.compact
    def __call__(self, inputs, mask, rates=None, pretrained=None):
        if isinstance(inputs, dict):
            parts = [self.mean(inputs[name], mask[name]) for name in sorted(inputs)]
        else:
            parts = [self.mean(inputs, mask)]
        logits = nn.Dense(self.classes)(jnp.concatenate(parts, axis=-1))
        seen = self.variable("batch_stats", "seen", lambda: jnp.zeros(()))
        if self.has_variable("pretrained", "shift"):
            logits = logits + self.get_variable("pretrained", "shift").astype(logits.dtype)[None, :]
        if rates is not None:
            seen.value = seen.value + sum(jnp.sum(one, dtype=jnp.float32) for one in jax.tree.leaves(mask))
            noise = jax.random.uniform(self.make_rng("dropout"), logits.shape).astype(logits.dtype)
            block, head = (rate.astype(logits.dtype) for rate in rates)
            logits = (1 - block) * logits + head * noise
        return logits

    def mean(self, values, mask):
        weight = mask[..., None].astype(values.dtype)
        return jnp.sum(values * weight, axis=1) / jnp.maximum(jnp.sum(weight, axis=1), 1)


def task(**more):
    return step.Task(models.Network(Probe(3)), FrameFeatures(mels=4), 3, **more)


def data(copies=3, **more):
    """Ten clips; copy `c` of clip `i` is `10 i + c` in all its frames, on a scaler of mean 20 and deviation 10."""
    values = np.zeros((10, copies, 6, 4), np.float32)
    values += np.arange(10, dtype=np.float32)[:, None, None, None] * 10 + np.arange(copies)[:, None, None]
    lengths = np.array([[3 + (i + c) % 4 for c in range(copies)] for i in range(10)], np.int32)
    clips = step.Clips(jnp.asarray(values), jnp.asarray(lengths), jnp.arange(10, dtype=jnp.int32) % 3)
    scaler = normalize.Scaler(jnp.full((1, 4), 20.0), jnp.full((1, 4), 10.0))
    return step.Data(clips, scaler, jnp.array([2.0, 0.5, 1.0]), jnp.float32(TOTAL))._replace(**more)


INDICES = jnp.array([0, 4, 8, 5], jnp.int32)
STEP = jax.jit(step.train_step, static_argnums=0)
BATCH = jax.jit(step.batch, static_argnums=0)


def begun(own, hyper, clips, at=0):
    """A state in which weights, statistics and average are all different."""
    state = step.init(own, step.traced(hyper), KEY, clips)

    def moved(x):
        return x + 0.1 * jnp.cos(jnp.arange(x.size, dtype=x.dtype)).reshape(x.shape)

    averaged = jax.tree.map(moved, jax.tree.map(moved, state.averaged))
    return state._replace(step=jnp.int32(at), variables=jax.tree.map(moved, state.variables), averaged=averaged)


def by_hand(own, hyper, state, clips, indices):
    """The state after a step, on trees, and its loss, norm and rate."""
    key, dropout_key = jax.random.split(jax.random.fold_in(KEY, int(state.step) + 1))
    progress = float(state.step) / TOTAL
    inputs, mask, targets = step.batch(own, step.traced(hyper), jnp.float32(progress), clips, indices, key)
    ramp, loss_ramp = min(1.0, progress / hyper.ramp_fraction), min(1.0, progress / hyper.loss_ramp_fraction)
    rates = models.DropoutRates(jnp.float32(ramp * hyper.dropout), jnp.float32(ramp * hyper.head_dropout))
    smooth = (1 - hyper.label_smoothing) * targets + hyper.label_smoothing / 3
    weights = 1 + loss_ramp * (np.asarray(targets) @ np.asarray(clips.class_weights) - 1)

    def loss(params):
        variables = models.Variables(params, state.variables.stats)
        logits, stats = own.network.apply_train(variables, inputs, mask, rates, dropout_key, clips.clips.pretrained)
        p = jax.nn.softmax(logits)
        each = -jnp.sum(smooth * (1 - p) ** (loss_ramp * hyper.focal_gamma) * jnp.log(p), axis=1)
        penalty = 0.5 * hyper.l2 * sum(jnp.sum(x**2) for x in jax.tree.leaves(params) if x.ndim > 1)
        return jnp.mean(weights * each) + penalty, (logits, stats)

    (value, (logits, stats)), gradient = jax.value_and_grad(loss, has_aux=True)(state.variables.params)
    warm = hyper.warmup_fraction
    cosine = 0.5 * (1 + np.cos(np.pi * max(0.0, progress - warm) / (1 - warm)))
    floor = hyper.floor_fraction
    rate = hyper.learning_rate * min(1.0, progress / warm) * (floor + (1 - floor) * cosine)
    kernels = jax.tree.map(lambda x: x.ndim > 1, gradient)
    chain = optax.chain(
        optax.clip_by_global_norm(hyper.clip_norm), optax.adamw(rate, weight_decay=hyper.weight_decay, mask=kernels)
    )
    with jax.numpy_dtype_promotion("standard"):
        updates, _ = chain.update(gradient, chain.init(state.variables.params), state.variables.params)
    variables = models.Variables(optax.apply_updates(state.variables.params, updates), stats)
    keep = min(hyper.ema_decay, (1 + float(state.step)) / (10 + float(state.step)))
    averaged = jax.tree.map(lambda old, new: keep * old + (1 - keep) * new, state.averaged, variables)
    hits = np.sum(np.argmax(logits, 1) == np.argmax(targets, 1))
    return variables, averaged, (float(value), hits, float(optax.tree.norm(gradient)), rate)


@pytest.mark.parametrize("at", [1, 5, 15])
def test_a_step_equals_one_written_by_hand(at):
    """Before, within and after the ramps; the gradient is clipped, all of decay, penalty and average take part."""
    clips = data()
    state = begun(task(), ACTIVE, clips, at)
    variables, averaged, (loss, hits, norm, rate) = by_hand(task(), ACTIVE, state, clips, INDICES)
    after, sums = STEP(task(), step.traced(ACTIVE), state, clips, INDICES, KEY)
    assert norm > 2 * ACTIVE.clip_norm
    close = lambda a, b: np.testing.assert_allclose(a, b, rtol=2e-4, atol=2e-6)  # noqa: E731
    jax.tree.map(close, (after.variables, after.averaged), (variables, averaged))
    assert int(after.step) == at + 1 and after.step.dtype == jnp.int32
    expected = step.Sums(4 * loss, hits, 4.0, norm, rate, 0.0, 1.0)
    np.testing.assert_allclose([float(x) for x in sums], [float(x) for x in expected], rtol=2e-4)
    assert int(after.optimizer[1].count) == 1
    moved = jax.tree.map(lambda a, b: bool(jnp.any(a != b)), after.variables, state.variables)
    assert all(jax.tree.leaves(moved))


def test_a_gradient_that_is_not_finite_with_a_finite_loss_changes_no_weight_and_is_counted(monkeypatch):
    def loss(logits, targets, gamma):
        """0, with the gradient of a square root at 0: infinite, and NaN times 0."""
        del gamma
        return jnp.sum(targets) + jnp.sum(jnp.sqrt(logits - jax.lax.stop_gradient(logits)))

    monkeypatch.setitem(step.losses.LOSSES, "sharp", loss)
    own, clips = task(loss="sharp"), data()
    hyper = dataclasses.replace(STILL, label_smoothing=0.0)
    state = begun(own, hyper, clips, 5)
    value, slope = jax.value_and_grad(loss)(jnp.zeros(3), jnp.array([1.0, 0, 0]), 0.0)
    assert float(value) == 1.0 and not np.isfinite(slope).any()
    after, sums = jax.jit(step.train_step, static_argnums=0)(own, step.traced(hyper), state, clips, INDICES, KEY)
    assert [float(x) for x in sums] == [0, 0, 0, 0, 0, 1, 1]
    kept = (after.variables, after.averaged, after.optimizer), (state.variables, state.averaged, state.optimizer)
    jax.tree.map(np.testing.assert_array_equal, *kept)
    assert int(after.step) == 6


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


def test_the_inputs_of_a_closed_form_fit_are_clips_each_followed_by_its_copies():
    clips = data()
    inputs, mask, labels = step.closed_form_inputs(task(), clips, jnp.array([7, 2], jnp.int32))
    values = np.array([70, 71, 72, 20, 21, 22]) / 10 - 2
    lengths = np.array([3 + (i + c) % 4 for i in (7, 2) for c in range(3)])
    valid = np.arange(6)[None, :] < lengths[:, None]
    np.testing.assert_array_equal(mask, valid)
    np.testing.assert_allclose(inputs, np.where(valid, values[:, None], 0.0)[..., None] * np.ones(4), atol=1e-6)
    assert labels.tolist() == [1, 1, 1, 2, 2, 2]


def test_changes_of_rows_leave_the_pretrained_blocks_alone():
    shift = {"shift": jnp.arange(3.0)}
    clips = data().clips._replace(pretrained=shift, speakers=jnp.arange(10))
    first = clips.map_rows(lambda x: x[:2])
    assert first.pretrained is shift and first.speakers.tolist() == [0, 1]
    assert {len(part) for part in (first.features, first.lengths, first.labels)} == {2}


def with_text(pretrained):
    """Data with a second modality and, if asked for, a pretrained part."""
    text = Sequences(jnp.arange(60.0).reshape(10, 2, 3), jnp.array([2, 1] * 5, jnp.int32))
    scaler = normalize.Scaler(jnp.full((1, 3), 10.0), jnp.full((1, 3), 4.0))
    own = data()
    clips = own.clips._replace(modality_inputs={"text": text}, pretrained=pretrained)
    return own._replace(clips=clips, modality_scalers={"text": scaler})


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


def test_evaluation_is_of_the_clips_themselves_with_all_modalities_and_pretrained_blocks():
    own, shift = task(modalities=("text",)), np.array([0.0, 3.0, -1.0], np.float32)
    clips = with_text({"shift": jnp.asarray(shift)})
    variables = step.init(own, step.traced(STILL), KEY, clips).variables
    kernel = np.asarray(variables.params["Dense_0"]["kernel"])
    assert kernel.shape == (7, 3) and float(variables.stats["seen"]) == 0
    got = step.evaluate(own, variables, clips, INDICES)
    audio = np.repeat(np.array([[0.0], [4], [8], [5]]) - 2, 4, axis=1)
    text = (np.arange(60.0).reshape(10, 2, 3)[[0, 4, 8, 5]] - 10) / 4
    text = np.stack([row[:count].mean(0) for row, count in zip(text, (2, 2, 2, 1), strict=True)])
    expected = np.concatenate([audio, text], axis=1) @ kernel + np.asarray(variables.params["Dense_0"]["bias"]) + shift
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-5)
    after, sums = STEP(own, step.traced(STILL), begun(own, STILL, clips, 1), clips, INDICES, KEY)
    assert float(sums.nonfinite) == 0 and float(after.variables.stats["seen"]) > 0


def test_fresh_states_follow_the_key_and_share_no_buffer():
    hyper = step.traced(STILL)
    first, again, other = (step.init(task(), hyper, key, data()) for key in (KEY, KEY, jax.random.fold_in(KEY, 1)))
    jax.tree.map(np.testing.assert_array_equal, first, again)
    kernels = [np.asarray(one.variables.params["Dense_0"]["kernel"]) for one in (first, other)]
    assert not np.array_equal(*kernels) and kernels[0].shape == (4, 3)
    at = jax.random.fold_in(KEY, 0)
    blank = jnp.zeros((2, 6, 4))
    made = task().network.init(at, blank, jnp.ones((2, 6), bool))
    np.testing.assert_array_equal(kernels[0], made.params["Dense_0"]["kernel"])
    assert int(first.step) == 0 and first.step.dtype == jnp.int32 and float(first.variables.stats["seen"]) == 0
    jax.tree.map(np.testing.assert_array_equal, first.averaged, first.variables)
    buffers = [x.unsafe_buffer_pointer() for x in jax.tree.leaves((first.variables, first.averaged))]
    assert len(set(buffers)) == len(buffers)
    assert all(not np.any(x) for x in jax.tree.leaves(first.optimizer))
