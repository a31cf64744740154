"""The four laws on the real step: pure, arrays only, f(key, step, member), per example."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from voxjax import models, optim
from voxjax.audio import normalize
from voxjax.config import FrameFeatures, Hyper, VectorFeatures
from voxjax.train import step

KEY = jax.random.key(7)
INIT = jax.jit(step.init, static_argnums=0)
BATCH = jax.jit(step.batch, static_argnums=0)
SMALL = {"stem": (3, 4), "filters": (6,), "lstm": (5,), "dense": (8,)}
HYPER = Hyper(ramp_fraction=0.0, warmup_fraction=0.0, learning_rate=3e-3)
DETERMINISTIC = dataclasses.replace(
    HYPER, learning_rate=2e-2, dropout=0.0, head_dropout=0.0, mixup_probability=0.0, offline_augment_probability=0.0,
    time_stretch=0.0, vtlp=0.0,
    gain_db=0.0, noise_probability=0.0, time_shift_frames=0.0, time_mask_fraction=0.0, frequency_mask_fraction=0.0,
)  # fmt: skip


def task(kind="frames", loss="focal"):
    config = {"frames": FrameFeatures(mels=16), "vector": VectorFeatures()}[kind]
    return step.Task(
        models.build("optimized", SMALL if kind == "frames" else {**SMALL, "stem": ()}, 4), config, 4, loss
    )


def data(kind="frames", copies=3):
    random = np.random.default_rng(0)
    shape = (12, copies, 40, 16) if kind == "frames" else (12, copies, 392, 1)
    values = random.normal(-50, 10, shape).astype(np.float32)
    lengths = random.integers(20, 40, (12, copies)) if kind == "frames" else np.full((12, copies), 392)
    labels = np.arange(12) % 4
    values += 3.0 * labels[:, None, None, None]
    scaler = normalize.fit(values[:, 0], lengths[:, 0], int(kind == "frames"))
    arrays = (values, lengths.astype(np.int32), labels.astype(np.int32))
    clips = step.Clips(*map(jnp.asarray, arrays))
    return step.Data(clips, normalize.Scaler(*map(jnp.asarray, scaler)), jnp.ones(4), jnp.float32(100))


def run(kind="frames", steps=3, key=KEY, hyper=HYPER, function=None, own=None):
    function, own = function or jax.jit(step.train_step, static_argnums=0), own or task(kind)
    state = INIT(own, step.traced(hyper), key, data(kind))
    losses = []
    for i in range(steps):
        indices = (jnp.arange(8, dtype=jnp.int32) + i) % 12
        state, sums = function(own, step.traced(hyper), state, data(kind), indices, key)
        losses.append(float(sums.loss / sums.clips))
    return state, losses


def head_gradients(state):
    """Adam's means of gradients above the max pool. Below it, rounding decides ties and moves whole gradients."""
    means = optim.unflatten(state.optimizer[1].mu, state.variables.params)
    return {name: means[name] for name in ("BiLSTM_0", "Dense_0", "Dense_1")}


def largest_difference(a, b):
    return max(float(jnp.max(jnp.abs(x - y))) for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True))


def test_state_and_hyper_hold_only_arrays():
    state, _ = run(steps=1)
    assert all(isinstance(leaf, jax.Array) for leaf in jax.tree.leaves(state))
    assert all(leaf.shape == () for leaf in jax.tree.leaves(step.traced(HYPER)))


def test_compiled_equals_eager():
    options = {
        "stem": (),
        "filters": (4,),
        "lstm": (3,),
        "dense": (6,),
    }  # eagerly, each operation is compiled by itself
    small = step.Task(models.build("optimized", options, 4), FrameFeatures(mels=16), 4)
    eager, loss = run(steps=1, function=step.train_step, own=small)
    compiled, again = run(steps=1, own=small)
    np.testing.assert_allclose(loss, again, rtol=1e-4)
    assert largest_difference(head_gradients(eager), head_gradients(compiled)) < 1e-6


@pytest.mark.parametrize("kind", ["frames", "vector"])
def test_training_lowers_the_loss(kind):
    _, losses = run(kind, steps=40, hyper=DETERMINISTIC)
    assert np.mean(losses[-5:]) < 0.6 * losses[0]


def test_randomness_is_a_function_of_key_and_step():
    first, one = run(steps=2)
    second, two = run(steps=2)
    assert one == two and largest_difference(first.averaged, second.averaged) == 0
    _, other = run(steps=2, key=jax.random.fold_in(KEY, 1))
    assert one != other
    late = INIT(task(), step.traced(HYPER), KEY, data())
    function = jax.jit(step.train_step, static_argnums=0)
    indices = jnp.arange(8, dtype=jnp.int32)
    early_loss = function(task(), step.traced(HYPER), late, data(), indices, KEY)[1].loss
    late = late._replace(step=jnp.int32(5))
    assert float(function(task(), step.traced(HYPER), late, data(), indices, KEY)[1].loss) != float(early_loss)


def test_a_vmapped_member_equals_the_same_member_alone():
    rates = (1e-3, 3e-3)
    hypers = [step.traced(dataclasses.replace(HYPER, learning_rate=rate)) for rate in rates]
    keys = [jax.random.fold_in(KEY, member) for member in range(2)]
    stacked, key = jax.tree.map(lambda *x: jnp.stack(x), *hypers), jnp.stack(keys)
    indices = jnp.stack([jnp.arange(8, dtype=jnp.int32), jnp.arange(4, 12, dtype=jnp.int32)])
    one = jax.jit(step.train_step, static_argnums=0)
    both = jax.jit(jax.vmap(step.train_step, (None, 0, 0, None, 0, 0)), static_argnums=0)
    alone = [INIT(task(), h, k, data()) for h, k in zip(hypers, keys, strict=True)]
    states = jax.tree.map(lambda *x: jnp.stack(x), *alone)
    for count in range(3):
        states, sums = both(task(), stacked, states, data(), indices, key)
        steps = [one(task(), hypers[m], alone[m], data(), indices[m], keys[m]) for m in range(2)]
        alone = [state for state, _ in steps]
        np.testing.assert_allclose(sums.loss, [sums.loss for _, sums in steps], rtol=5e-3)
        for member in range(2 if count == 0 else 0):
            mine = jax.tree.map(lambda x, m=member: x[m], states)
            assert largest_difference(head_gradients(mine), head_gradients(alone[member])) < 1e-6


def test_batch_gathers_scales_and_labels():
    own = data()
    clips = own.clips
    indices = jnp.array([3, 11, 0], jnp.int32)
    batch = BATCH(task(), step.traced(DETERMINISTIC), jnp.float32(0.5), own, indices, KEY)
    for row, index in enumerate((3, 11, 0)):
        n = int(clips.lengths[index, 0])
        expected = (clips.features[index, 0, :n] - own.scaler.mean) / own.scaler.std
        np.testing.assert_allclose(batch.inputs[row, :n], expected, atol=2e-2)
        assert not np.any(batch.inputs[row, n:]) and int(batch.mask[row].sum()) == n
        assert int(batch.targets[row].argmax()) == int(clips.labels[index])


@pytest.mark.full_compiler
def test_golden_step():
    """Losses of fixed steps on fixed data (jax 0.10.2, float32, CPU).

    A change here means that trained models can no longer be reproduced: say so in the change log.
    """
    _, losses = run(steps=3)
    np.testing.assert_allclose(losses, [1.381057, 1.41934, 1.383313], rtol=1e-3)


@pytest.mark.parametrize("broken", [jnp.nan, jnp.inf])
def test_a_step_that_is_not_finite_changes_no_weight_and_is_counted(broken):
    clean = data()
    clips = clean.clips._replace(features=clean.clips.features.at[5].set(broken))
    function = jax.jit(step.train_step, static_argnums=0)
    state = INIT(task(), step.traced(HYPER), KEY, clean)
    after, sums = function(task(), step.traced(HYPER), state, clean._replace(clips=clips), jnp.arange(8), KEY)
    assert (float(sums.nonfinite), float(sums.steps), float(sums.loss), float(sums.clips)) == (1, 1, 0, 0)
    assert largest_difference(after.variables, state.variables) == 0 and int(after.step) == 1
    assert largest_difference(after.optimizer, state.optimizer) == 0
    healthy, sums = function(task(), step.traced(HYPER), after, clean, jnp.arange(8), KEY)
    assert float(sums.nonfinite) == 0 and largest_difference(healthy.variables, after.variables) > 0


def test_l2_adds_the_penalty_of_kernels():
    state = INIT(task(), step.traced(DETERMINISTIC), KEY, data())
    losses = [
        float(
            jax.jit(step.train_step, static_argnums=0)(
                task(), step.traced(dataclasses.replace(DETERMINISTIC, l2=l2)), state, data(), jnp.arange(8), KEY
            )[1].loss
        )
        for l2 in (0.0, 0.1)
    ]
    kernels = [leaf for leaf in jax.tree.leaves(state.variables.params) if leaf.ndim > 1]
    penalty = 0.5 * sum(float(np.sum(np.square(kernel))) for kernel in kernels)
    assert (losses[1] - losses[0]) / 8 == pytest.approx(0.1 * penalty, rel=1e-4)


def test_gamma_and_class_weights_rise_over_their_ramp():
    """Before the ramp the loss is plain cross-entropy; after it, the configured loss."""
    hyper = dataclasses.replace(DETERMINISTIC, focal_gamma=2.0, loss_ramp_fraction=0.5, label_smoothing=0.0)
    weighted = data()._replace(class_weights=jnp.array([3.0, 1, 1, 1]))
    function = jax.jit(step.train_step, static_argnums=0)

    def loss(hyper, at, clips=weighted):
        state = INIT(task(), step.traced(hyper), KEY, clips)._replace(step=jnp.int32(at))
        return float(function(task(), step.traced(hyper), state, clips, jnp.arange(8), KEY)[1].loss)

    plain = dataclasses.replace(hyper, focal_gamma=0.0, loss_ramp_fraction=0.0)
    assert loss(hyper, 0) == pytest.approx(loss(plain, 0, data()), rel=1e-5)
    full = dataclasses.replace(hyper, loss_ramp_fraction=0.0)
    assert loss(hyper, 50) == pytest.approx(loss(full, 50), rel=1e-5)
    assert loss(full, 50) != pytest.approx(loss(plain, 50), rel=1e-2)


def test_a_step_in_bfloat16_has_similar_gradients_and_keeps_all_state_in_float32():
    float32, bfloat16 = (dataclasses.replace(task(), precision=name) for name in ("float32", "bfloat16"))
    indices = jnp.arange(8, dtype=jnp.int32)
    states = []
    for one in (float32, bfloat16):
        before = INIT(one, step.traced(DETERMINISTIC), KEY, data())
        state, sums = jax.jit(step.train_step, static_argnums=0)(
            one, step.traced(DETERMINISTIC), before, data(), indices, KEY
        )
        assert sums.loss.dtype == jnp.float32 and jnp.isfinite(sums.loss)
        assert all(leaf.dtype in (jnp.float32, jnp.int32) for leaf in jax.tree.leaves(state))
        states.append(state)
    for name, a in head_gradients(states[0]).items():
        a, b = (
            jnp.concatenate([jnp.ravel(x) for x in jax.tree.leaves(tree)])
            for tree in (a, head_gradients(states[1])[name])
        )
        assert not jnp.array_equal(a, b)  # computed in another precision
        assert jnp.vdot(a, b) / (jnp.linalg.norm(a) * jnp.linalg.norm(b)) > 0.97, name


def test_random_draws_depend_on_the_place_in_the_batch_and_not_on_the_clip():
    """A clip that is twice in a batch gets two draws; a clip at another place gets that place's draws."""
    own = data()
    hyper = step.traced(dataclasses.replace(HYPER, mixup_probability=0.0, mixup_alpha=0.0))

    def inputs(*indices):
        return BATCH(task(), hyper, jnp.float32(1), own, jnp.array(indices, jnp.int32), KEY).inputs

    twice, changed, alone = inputs(3, 3, 8), inputs(3, 5, 8), inputs(8, 3, 5)
    assert not np.array_equal(twice[0], twice[1])
    np.testing.assert_array_equal(twice[0], changed[0])
    np.testing.assert_array_equal(twice[2], changed[2])
    np.testing.assert_array_equal(twice[1], alone[1])
