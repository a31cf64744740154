"""Focal loss: the formula, its limits, and finiteness at every extreme."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from voxjax import losses


def logits_and_targets():
    random = np.random.default_rng(0)
    logits = random.normal(0, 3, (20, 8))
    return logits, random.dirichlet(np.ones(8), 20)


def test_gamma_zero_is_cross_entropy():
    logits, targets = (jnp.asarray(a, jnp.float32) for a in logits_and_targets())
    ours = jax.vmap(losses.focal, (0, 0, None))(logits, targets, jnp.float32(0))
    np.testing.assert_allclose(ours, optax.softmax_cross_entropy(logits, targets), rtol=1e-5)


@pytest.mark.parametrize("gamma", [0.5, 1.0, 2.0, 3.7, 5.0])
def test_equals_the_formula_in_float64(gamma):
    logits, targets = logits_and_targets()
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    expected = -(targets * (1 - p) ** gamma * np.log(p)).sum(1)
    args = (jnp.asarray(a, jnp.float32) for a in (logits, targets))
    np.testing.assert_allclose(jax.vmap(losses.focal, (0, 0, None))(*args, jnp.float32(gamma)), expected, rtol=2e-5)


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
def test_value_and_gradient_are_finite_at_any_logit(dtype):
    gammas, sizes, targets = jnp.meshgrid(
        jnp.array([0.0, 0.3, 1.0, 2.0, 5.0], dtype),
        jnp.array([0.0, 1.0, 30.0, 90.0, 200.0, 1e4, 1e30], dtype),
        jnp.arange(2),
    )

    def one(gamma, size, target):
        logits = jnp.zeros(8, dtype).at[0].set(size)
        hot = jax.nn.one_hot(target, 8, dtype=dtype)
        return jax.value_and_grad(losses.focal)(logits, hot, gamma)

    value, slope = jax.jit(jax.vmap(one))(gammas.ravel(), sizes.ravel(), targets.ravel())
    assert bool(jnp.all(jnp.isfinite(value))) and bool(jnp.all(jnp.isfinite(slope)))


def test_gradient_equals_finite_differences():
    logits, targets = logits_and_targets()
    with jax.enable_x64(True):
        x, t = jnp.asarray(logits[0]), jnp.asarray(targets[0])
        slope = jax.grad(losses.focal)(x, t, jnp.float64(2.0))
        for k in range(8):
            step = jnp.zeros(8).at[k].set(1e-6)
            rise = losses.focal(x + step, t, jnp.float64(2.0)) - losses.focal(x - step, t, jnp.float64(2.0))
            assert float(slope[k]) == pytest.approx(float(rise) / 2e-6, rel=1e-4, abs=1e-8)


def test_smoothing_keeps_the_sum_and_lifts_the_rest():
    smoothed = losses.smooth(jax.nn.one_hot(2, 8), jnp.float32(0.08))
    assert float(smoothed.sum()) == pytest.approx(1.0)
    assert float(smoothed[0]) == pytest.approx(0.01)
    assert float(smoothed[2]) == pytest.approx(0.93)
