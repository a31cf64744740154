"""A whole step against one written by hand: Optax on the parameter tree, and formulas of probabilities."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from tests.train.probe import BATCH, INDICES, KEY, STILL, TOTAL, data, task, with_text
from voxjax import losses, models
from voxjax.train import step

STEP = jax.jit(step.train_step, static_argnums=0)
ACTIVE = dataclasses.replace(
    STILL, learning_rate=0.05, warmup_fraction=0.1, ramp_fraction=0.5, loss_ramp_fraction=0.4, clip_norm=0.3, l2=0.2,
    weight_decay=0.3, label_smoothing=0.2, focal_gamma=1.5, dropout=0.3, head_dropout=0.4, ema_decay=0.15,
)  # fmt: skip


def begun(own, hyper, clips, at=0):
    """A state in which weights, statistics and average are all different."""
    state = step.init(own, step.traced(hyper), KEY, clips)

    def moved(x):
        return x + 0.1 * jnp.cos(jnp.arange(x.size, dtype=x.dtype)).reshape(x.shape)

    averaged = jax.tree.map(moved, jax.tree.map(moved, state.averaged))
    return state._replace(step=jnp.int32(at), variables=jax.tree.map(moved, state.variables), averaged=averaged)


def by_hand(own, hyper, state, clips, indices):
    """The state after a step, on trees, and its loss, hits, norm and rate."""
    key, dropout_key = jax.random.split(jax.random.fold_in(KEY, int(state.step) + 1))
    progress = float(state.step) / TOTAL
    examples = BATCH(own, step.traced(hyper), jnp.float32(progress), clips, indices, key)
    ramp, loss_ramp = min(1.0, progress / hyper.ramp_fraction), min(1.0, progress / hyper.loss_ramp_fraction)
    warm, floor = hyper.warmup_fraction, hyper.floor_fraction
    cosine = 0.5 * (1 + np.cos(np.pi * max(0.0, progress - warm) / (1 - warm)))
    rate = hyper.learning_rate * min(1.0, progress / warm) * (floor + (1 - floor) * cosine)
    keep = min(hyper.ema_decay, (1 + float(state.step)) / (10 + float(state.step)))
    numbers = map(jnp.float32, (ramp, loss_ramp, rate, keep))
    variables, averaged, rest = UPDATED(own, hyper, state, clips, examples, dropout_key, *numbers)
    return variables, averaged, (*rest, rate)


def updated(own, hyper, state, clips, examples, key, ramp, loss_ramp, rate, keep):
    """New variables, their average, and the loss, hits and norm of the gradient."""
    inputs, mask, targets = examples
    rates = models.DropoutRates(ramp * hyper.dropout, ramp * hyper.head_dropout)
    smooth = (1 - hyper.label_smoothing) * targets + hyper.label_smoothing / 3
    weights = 1 + loss_ramp * (targets @ clips.class_weights - 1)

    def loss(params):
        variables = models.Variables(params, state.variables.stats)
        logits, stats = own.network.apply_train(variables, inputs, mask, rates, key, clips.clips.pretrained)
        p = jax.nn.softmax(logits)
        each = -jnp.sum(smooth * (1 - p) ** (loss_ramp * hyper.focal_gamma) * jnp.log(p), axis=1)
        penalty = 0.5 * hyper.l2 * sum(jnp.sum(x**2) for x in jax.tree.leaves(params) if x.ndim > 1)
        return jnp.mean(weights * each) + penalty, (logits, stats)

    (value, (logits, stats)), gradient = jax.value_and_grad(loss, has_aux=True)(state.variables.params)
    kernels = jax.tree.map(lambda x: x.ndim > 1, gradient)
    chain = optax.chain(
        optax.clip_by_global_norm(hyper.clip_norm), optax.adamw(rate, weight_decay=hyper.weight_decay, mask=kernels)
    )
    with jax.numpy_dtype_promotion("standard"):
        updates, _ = chain.update(gradient, chain.init(state.variables.params), state.variables.params)
    variables = models.Variables(optax.apply_updates(state.variables.params, updates), stats)
    averaged = jax.tree.map(lambda old, new: keep * old + (1 - keep) * new, state.averaged, variables)
    hits = jnp.sum(jnp.argmax(logits, 1) == jnp.argmax(targets, 1))
    return variables, averaged, (value, hits, optax.tree.norm(gradient))


UPDATED = jax.jit(updated, static_argnums=(0, 1))


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


def sharp(logits, targets, gamma):
    """1, with the gradient of a square root at 0, which is not finite."""
    del gamma
    return jnp.sum(targets) + jnp.sum(jnp.sqrt(logits - jax.lax.stop_gradient(logits)))


def endless(logits, targets, gamma):
    """Infinite, with a gradient of 0."""
    del gamma
    return jnp.sum(targets) / 0.0 + 0.0 * jnp.sum(logits)


@pytest.mark.parametrize(("loss", "finite"), [(sharp, (True, False)), (endless, (False, True))])
def test_a_loss_or_a_gradient_alone_that_is_not_finite_changes_no_weight_and_is_counted(loss, finite, monkeypatch):
    monkeypatch.setitem(losses.LOSSES, loss.__name__, loss)
    own, clips = task(loss=loss.__name__), data()
    hyper = dataclasses.replace(STILL, label_smoothing=0.0)
    state = begun(own, hyper, clips, 5)
    value, slope = jax.value_and_grad(loss)(jnp.zeros(3), jnp.array([1.0, 0, 0]), 0.0)
    assert (bool(np.isfinite(value)), bool(np.isfinite(slope).any())) == finite
    after, sums = STEP(own, step.traced(hyper), state, clips, INDICES, KEY)
    assert [float(x) for x in sums] == [0, 0, 0, 0, 0, 1, 1]
    kept = (after.variables, after.averaged, after.optimizer), (state.variables, state.averaged, state.optimizer)
    jax.tree.map(np.testing.assert_array_equal, *kept)
    assert int(after.step) == 6


def test_evaluation_is_of_the_clips_themselves_with_all_modalities_and_pretrained_blocks():
    own, shift = task(modalities=("text",)), np.array([0.0, 3.0, -1.0], np.float32)
    clips = with_text({"shift": jnp.asarray(shift)})
    variables = step.init(own, step.traced(STILL), KEY, clips).variables
    kernel = np.asarray(variables.params["Dense_0"]["kernel"])
    assert kernel.shape == (7, 3) and float(variables.stats["valid"]) == 0
    got = step.evaluate(own, variables, clips, INDICES)
    audio = np.repeat(np.array([[0.0], [4], [8], [5]]) - 2, 4, axis=1)
    text = (np.arange(60.0).reshape(10, 2, 3)[[0, 4, 8, 5]] - 10) / 4
    text = np.stack([row[:count].mean(0) for row, count in zip(text, (2, 2, 2, 1), strict=True)])
    expected = np.concatenate([audio, text], axis=1) @ kernel + np.asarray(variables.params["Dense_0"]["bias"]) + shift
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-5)
    after, sums = STEP(own, step.traced(STILL), begun(own, STILL, clips, 1), clips, INDICES, KEY)
    assert float(sums.nonfinite) == 0 and float(after.variables.stats["valid"]) > 0


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
    assert int(first.step) == 0 and first.step.dtype == jnp.int32 and float(first.variables.stats["valid"]) == 0
    jax.tree.map(np.testing.assert_array_equal, first.averaged, first.variables)
    buffers = [x.unsafe_buffer_pointer() for x in jax.tree.leaves((first.variables, first.averaged))]
    assert len(set(buffers)) == len(buffers)
    assert all(not np.any(x) for x in jax.tree.leaves(first.optimizer))
