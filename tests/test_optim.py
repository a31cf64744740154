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


def numbers(hyper):
    return jax.tree.map(jnp.float32, hyper)


@pytest.mark.parametrize(
    ("progress", "fraction", "expected"),
    [(0.0, 0.0, 1.0), (0.3, 0.0, 1.0), (0.0, 0.4, 0.0), (0.1, 0.4, 0.25), (0.4, 0.4, 1.0), (0.9, 0.4, 1.0),
     (1e-5, 2e-5, 0.5), (0.7, 1.0, 0.7), (5e-8, 1e-7, 0.05)],
)  # fmt: skip
def test_a_ramp_is_linear_up_to_its_fraction_and_1_beyond(progress, fraction, expected):
    assert float(optim.ramp(jnp.float32(progress), jnp.float32(fraction))) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("progress", [0.1, 0.2, 0.35, 0.5, 0.6, 0.61, 1.0])
def test_the_cosine_ends_at_its_own_fraction(progress):
    found = rate(progress, warmup_fraction=0.2, cosine_fraction=0.6, floor_fraction=0.1)
    part = min(1.0, max(0.0, (progress - 0.2) / 0.4))
    expected = 0.1 * min(1.0, progress / 0.2) * (0.1 + 0.9 * (1 + np.cos(np.pi * part)) / 2)
    assert found == pytest.approx(expected, rel=1e-4)


def test_a_cosine_without_length_falls_at_once():
    assert rate(0.3, warmup_fraction=0.3, cosine_fraction=0.3, floor_fraction=0.1) == pytest.approx(0.1, rel=1e-4)
    assert rate(0.4, warmup_fraction=0.3, cosine_fraction=0.3, floor_fraction=0.1) == pytest.approx(0.01, rel=1e-4)
    half = rate(0.3 + 2e-5, warmup_fraction=0.3, cosine_fraction=0.3 + 4e-5, floor_fraction=0.0)
    assert half == pytest.approx(0.05, rel=0.02)


def stepped(hyper, params, gradient, progress=0.5):
    """The change of the parameters by a first step, of which Adam makes a sign."""
    flat = optim.flatten(params)
    state = optim.adamw(hyper, jnp.float32(0)).init(flat)
    after, state = optim.update(numbers(hyper), jnp.float32(progress), optim.flatten(gradient), state, flat)
    return jax.tree.map(lambda a, b: np.asarray(a - b), optim.unflatten(after, params), params), state


@pytest.mark.parametrize(("norm", "factor"), [(5.0, 0.2), (0.9, 1.0)])
def test_the_global_norm_of_the_gradient_is_clipped_over_all_kinds_together(norm, factor):
    params = {"kernel": jnp.ones((1, 2)), "bias": jnp.ones(1)}
    gradient = {"kernel": jnp.array([[2.0, 1.0]]) * norm / 3, "bias": jnp.array([2.0]) * norm / 3}
    hyper = Hyper(clip_norm=1.0, weight_decay=0.0)
    _, state = stepped(hyper, params, gradient)
    moments = optim.unflatten(state[1].mu, params)
    for name, slope in gradient.items():
        np.testing.assert_allclose(moments[name], 0.1 * factor * slope, rtol=1e-5)


def test_lower_pretrained_blocks_move_less_and_later():
    names = ("tuned_0", "tuned_1", "tuned_2", "head")
    params = {name: {"kernel": jnp.zeros((1, 2)), "bias": jnp.zeros(3)} for name in names}
    hyper = Hyper(
        learning_rate=1.0, warmup_fraction=0.0, floor_fraction=1.0, weight_decay=0.0, clip_norm=1e9,
        finetune_rate_scale=0.5, layerwise_rate_decay=0.25, unfreeze_fraction=0.25,
    )  # fmt: skip
    expected = {"head": 1.0, "tuned_0": 0.5, "tuned_1": 0.125, "tuned_2": 0.03125}
    for progress, frozen in ((0.2, 3), (0.25, 2), (0.5, 1), (0.7, 1), (0.75, 0)):
        change, _ = stepped(hyper, params, jax.tree.map(jnp.ones_like, params), progress)
        for i, name in enumerate(names):
            still = name != "head" and i >= 3 - frozen
            for part in change[name].values():
                np.testing.assert_allclose(part, 0.0 if still else -expected[name], rtol=1e-4)


def test_kinds_follow_axes_and_the_outermost_pretrained_block():
    params = {"a": [jnp.ones((2, 2, 1)), jnp.ones(())], "b": {"tuned_3": {"c": jnp.ones((1, 1)), "d": jnp.ones(1)}}}
    flat = optim.flatten(params)
    assert {kind: one.size for kind, one in flat.items()} == {
        "kernels": 4, "others": 1, "tuned_3/kernels": 1, "tuned_3/others": 1,
    }  # fmt: skip
    assert optim._decayed(flat) == {"kernels": True, "others": False, "tuned_3/kernels": True, "tuned_3/others": False}
    jax.tree.map(np.testing.assert_array_equal, optim.unflatten(flat, params), params)


def test_the_penalty_is_0_without_kernels_and_spares_biases():
    flat = {"others": jnp.ones(2), "tuned_0/kernels": jnp.array([3.0, 4.0])}
    slope = {"others": jnp.full(2, 7.0), "tuned_0/kernels": jnp.ones(2)}
    loss, changed = optim.add_l2(jnp.float32(0.4), jnp.float32(1), slope, flat)
    assert float(loss) == pytest.approx(1 + 0.5 * 0.4 * 25)
    np.testing.assert_allclose(changed["tuned_0/kernels"], [1 + 0.4 * 3, 1 + 0.4 * 4], rtol=1e-6)
    np.testing.assert_array_equal(changed["others"], [7, 7])
    biases = {"others": jnp.ones(2)}
    assert float(optim.add_l2(jnp.float32(0.4), jnp.float32(1), biases, biases)[0]) == 1


@pytest.mark.parametrize(("at", "keep"), [(0, 0.1), (1, 2 / 11), (10, 0.55), (79, 80 / 89), (81, 0.9), (10_000, 0.9)])
def test_the_average_keeps_more_with_every_step_up_to_its_decay(at, keep):
    found = optim.moving_average(jnp.float32(0.9), jnp.int32(at), {"w": jnp.float32(4)}, {"w": jnp.float32(-6)})
    assert float(found["w"]) == pytest.approx(4 * keep - 6 * (1 - keep), rel=1e-5)
