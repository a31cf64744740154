"""Losses of a few hand-made cases against float64 formulas of the log-odds, with one compilation for all."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import special

from voxjax import losses

GRADED = jax.jit(jax.value_and_grad(losses.focal, (0, 1, 2)))
LARGEST = float(jnp.finfo(jnp.float32).max) / 16  # differences of logits are limited to this


def reference(logits, targets, gamma):
    """The loss in float64, from the logarithms of p and of 1 - p, which is the sum over the rest."""
    logits = np.asarray(logits, np.float64)
    log_p = logits - special.logsumexp(logits)
    rest = np.array([special.logsumexp(np.delete(logits, k)) for k in range(len(logits))])
    return float(-np.sum(np.asarray(targets) * np.exp(gamma * (rest - special.logsumexp(logits))) * log_p))


CASES = [
    ((2.0, -1.0, 0.5), (1.0, 0.0, 0.0), 0.0),
    ((2.0, -1.0, 0.5), (0.2, 0.5, 0.3), 2.0),
    ((30.0, -10.0, 0.0), (1.0, 0.0, 0.0), 0.5),
    ((30.0, -10.0, 0.0), (0.0, 1.0, 0.0), 3.0),
    ((-80.0, 0.0, 80.0), (0.5, 0.5, 0.0), 1.0),
    ((1e4, 0.0, -1e4), (0.0, 0.25, 0.75), 1.5),
    ((5.0, 5.0, 5.0), (0.1, 0.2, 0.7), 16.0),
]


@pytest.mark.parametrize(("logits", "targets", "gamma"), CASES)
def test_the_focal_loss_and_its_gradients_equal_float64(logits, targets, gamma):
    arguments = [jnp.asarray(x, jnp.float32) for x in (logits, targets, gamma)]
    value, (by_logits, by_targets, by_gamma) = GRADED(*arguments)
    expected = reference(logits, targets, gamma)
    assert float(value) == pytest.approx(expected, rel=2e-5, abs=1e-7) and value.dtype == jnp.float32
    for k in range(3):
        near = np.eye(3)[k] * 1e-4
        rise = reference(logits + near, targets, gamma) - reference(logits - near, targets, gamma)
        assert float(by_logits[k]) == pytest.approx(rise / 2e-4, rel=1e-3, abs=1e-5)
        assert float(by_targets[k]) == pytest.approx(reference(logits, np.eye(3)[k], gamma), rel=2e-5, abs=1e-6)
    rise = (reference(logits, targets, gamma + 1e-4) - reference(logits, targets, abs(gamma - 1e-4))) / 2e-4
    assert gamma == 0 or float(by_gamma) == pytest.approx(rise, rel=1e-3, abs=1e-5)


def test_differences_beyond_a_sixteenth_of_the_largest_number_are_limited_but_not_their_gradient():
    arguments = [jnp.asarray(x, jnp.float32) for x in ((3e38, -3e38, 0.0), (0.0, 1.0, 0.0), 0.0)]
    value, (slopes, _, _) = GRADED(*arguments)
    assert float(value) == pytest.approx(LARGEST, rel=1e-6)
    assert slopes.tolist() == [1.0, -1.0, 0.0]
    value, (slopes, _, _) = GRADED(*[jnp.asarray(x, jnp.float32) for x in ((3e38, -3e38, 0.0), (1.0, 0.0, 0.0), 2.0)])
    assert float(value) == 0.0 and slopes.tolist() == [0.0, 0.0, 0.0]


def test_a_single_class_has_no_loss_and_no_gradient():
    value, (slopes, _, _) = GRADED(jnp.array([3.0]), jnp.array([1.0]), jnp.float32(2))
    assert float(value) == 0.0 and slopes.tolist() == [0.0]
    low = jax.value_and_grad(losses.focal)(jnp.array([-5.0]), jnp.array([1.0]), 0.0)
    assert float(low[0]) == 0.0 and low[1].tolist() == [0.0]


def test_in_bfloat16_it_is_computed_in_float32_and_rounded():
    logits, targets = jnp.array([3.0, -0.5, 1.25], jnp.bfloat16), jnp.array([0.5, 0.25, 0.25], jnp.bfloat16)
    value = losses.focal(logits, targets, 1.5)
    exact = reference(np.asarray(logits, np.float64), np.asarray(targets, np.float64), 1.5)
    assert value.dtype == jnp.bfloat16 and value == jnp.asarray(exact, jnp.bfloat16)
    assert losses.focal(jnp.float32([0, 1]), jnp.bfloat16([0, 1]), jnp.bfloat16(1)).dtype == jnp.float32


def test_the_naive_loss_is_the_formula_from_probabilities():
    for logits, targets, gamma in CASES[:2]:
        value = losses.focal_naive(jnp.float32(logits), jnp.float32(targets), jnp.float32(gamma))
        assert float(value) == pytest.approx(reference(logits, targets, gamma), rel=1e-5)
    assert {"focal": losses.focal, "focal_naive": losses.focal_naive} == losses.LOSSES


def test_smoothing_spreads_over_the_classes_of_each_row():
    targets = jnp.array([[1.0, 0.0, 0.0, 0.0, 0.0], [0.0, 0.5, 0.5, 0.0, 0.0]])
    expected = [[0.76, 0.06, 0.06, 0.06, 0.06], [0.06, 0.41, 0.41, 0.06, 0.06]]
    np.testing.assert_allclose(losses.smooth_labels(targets, 0.3), expected, rtol=1e-6)
    np.testing.assert_allclose(losses.smooth_labels(targets[0], 0.3), expected[0], rtol=1e-6)
