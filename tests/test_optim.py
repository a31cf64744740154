"""The schedule's shape, AdamW against Optax's own, and the average."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from voxjax import optim
from voxjax.config import Hyper


def rate(progress, **values):
    return float(optim.learning_rate(Hyper(learning_rate=0.1, **values), jnp.float32(progress)))


def test_schedule_rises_to_its_peak_and_ends_at_its_floor():
    assert rate(0.0, warmup_fraction=0.1) == 0
    assert rate(0.05, warmup_fraction=0.1) == pytest.approx(0.05, rel=1e-5)
    assert rate(0.1, warmup_fraction=0.1) == pytest.approx(0.1, rel=1e-5)
    assert rate(0.55, warmup_fraction=0.1, floor_fraction=0.0) == pytest.approx(0.05, rel=1e-4)
    assert rate(1.0, floor_fraction=0.02) == pytest.approx(0.002, rel=1e-4)


def test_schedule_matches_optax():
    ours = [rate(i / 100, warmup_fraction=0.1, floor_fraction=0.05) for i in range(101)]
    theirs = optax.warmup_cosine_decay_schedule(0.0, 0.1, 10, 100, 0.005)
    np.testing.assert_allclose(ours, [theirs(i) for i in range(101)], atol=1e-6)


def test_flat_parameters_are_put_together_again():
    params = {
        "Dense": {"kernel": jnp.arange(6.0).reshape(3, 2), "bias": jnp.arange(2.0)},
        "tuned_0": {"kernel": jnp.ones((1, 2)), "scale": jnp.full(3, 7.0)},
        "number": jnp.float32(5),
    }
    flat = optim.flatten(params)
    assert set(flat) == {"kernels", "others", "tuned_0/kernels", "tuned_0/others"}
    np.testing.assert_array_equal(flat["kernels"], np.arange(6.0))
    np.testing.assert_array_equal(flat["others"], [0, 1, 5])
    jax.tree.map(np.testing.assert_array_equal, optim.unflatten(flat, params), params)


def test_steps_match_optax_adamw_under_traced_rates():
    params = {"kernel": jnp.ones((3, 2)), "bias": jnp.ones(2)}
    gradient = jax.tree.map(lambda x: 0.1 * x, params)
    hyper = Hyper(learning_rate=0.01, warmup_fraction=0.0, floor_fraction=1.0, weight_decay=0.3, clip_norm=1e9)
    progress = jnp.float32(0.5)
    theirs = optax.adamw(0.01, weight_decay=0.3, mask={"kernel": True, "bias": False})
    ours, his, state = optim.flatten(params), params, theirs.init(params)
    mine = optim.adamw(hyper, jnp.float32(0)).init(ours)
    update = jax.jit(optim.update)
    for _ in range(3):
        ours, mine = update(jax.tree.map(jnp.float32, hyper), progress, optim.flatten(gradient), mine, ours)
        with jax.numpy_dtype_promotion("standard"):
            change, state = theirs.update(gradient, state, his)
        his = optax.apply_updates(his, change)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5), optim.unflatten(ours, params), his)


def test_the_l2_penalty_is_of_kernels_alone_with_its_own_gradient():
    params = {"kernel": jnp.arange(6.0).reshape(3, 2), "bias": jnp.ones(2)}
    gradient = {"kernel": jnp.ones((3, 2)), "bias": jnp.full(2, 2.0)}
    loss, flat = optim.add_l2(jnp.float32(0.1), jnp.float32(3), *map(optim.flatten, (gradient, params)))
    assert float(loss) == pytest.approx(3 + 0.1 * 0.5 * 55)
    penalised = optim.unflatten(flat, params)
    np.testing.assert_allclose(penalised["kernel"], 1 + 0.1 * np.arange(6).reshape(3, 2), rtol=1e-6)
    np.testing.assert_array_equal(penalised["bias"], [2, 2])


def test_the_average_starts_as_a_mean_and_decays_at_its_rate_later():
    one, two = {"w": jnp.float32(1)}, {"w": jnp.float32(2)}
    early = optim.moving_average(jnp.float32(0.99), jnp.int32(0), one, two)
    late = optim.moving_average(jnp.float32(0.99), jnp.int32(10_000), one, two)
    assert float(early["w"]) == pytest.approx(1.9)
    assert float(late["w"]) == pytest.approx(1.01)
