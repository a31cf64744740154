"""Losses against float64 references and finite differences, and at extreme logits."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from voxjax import losses

pytestmark = pytest.mark.full_compiler  # numbers that users get

LOGITS = (
    (0.0, 0.0, 0.0), (1e4, -1e4, 0.0), (3e38, -3e38, 0.0), (-3e38, 3e38, 3e38), (100.0, 0.0, 0.0), (-200.0, 5.0, 5.0),
    (1e-8, 0.0, 0.0), (88.0, -88.0, 3.0), (20.0, 0.0, -20.0), (3e38, 3e38, 3e38),
)  # fmt: skip
TARGETS = (*np.eye(3).tolist(), (0.3, 0.3, 0.4), (0.9, 0.1, 0.0))
GAMMAS = (0.0, 1e-3, 0.5, 1.0, 2.0, 3.7, 5.0)
TYPES = (jnp.float32, jnp.bfloat16)


def reference(logits, targets, gamma):
    """Focal loss in float64, from probabilities."""
    exponentials = np.exp(logits - np.max(logits))
    p = exponentials / exponentials.sum()
    return float(-np.sum(targets * (1 - p) ** gamma * np.log(p)))


def draws(count, classes=5, scale=2.0):
    random = np.random.default_rng(0)
    for _ in range(count):
        yield random.normal(0, scale, classes), random.dirichlet(np.ones(classes)), random.uniform(0, 5)


def failures(loss):
    """Of all extreme cases, those whose value or gradient is not finite, and how many cases there are."""
    graded = jax.jit(jax.value_and_grad(loss, (0, 2)))
    cases = list(itertools.product(LOGITS, TARGETS, GAMMAS, TYPES))
    bad = 0
    for logits, targets, gamma, kind in cases:
        value, slopes = graded(*(jnp.asarray(x, kind) for x in (logits, targets, gamma)))
        bad += not all(bool(jnp.all(jnp.isfinite(x))) for x in (value, *slopes))
    return bad, len(cases)


def test_the_focal_loss_is_finite_at_all_finite_logits_and_the_naive_one_is_not():
    bad, cases = failures(losses.focal)
    assert bad == 0 and cases == 700
    assert failures(losses.focal_naive)[0] > 100


def test_focal_equals_a_float64_reference():
    for logits, targets, gamma in draws(200):
        ours = losses.focal(*(jnp.asarray(x, jnp.float32) for x in (logits, targets, gamma)))
        np.testing.assert_allclose(ours, reference(logits, targets, gamma), rtol=2e-5, atol=1e-6)


def test_the_focal_loss_in_bfloat16_is_the_rounded_one_of_float32():
    for logits, targets, gamma in draws(50):
        small = [jnp.asarray(x, jnp.bfloat16) for x in (logits, targets, gamma)]
        ours = losses.focal(*small)
        assert ours.dtype == jnp.bfloat16
        wide = [x.astype(jnp.float32) for x in small]
        np.testing.assert_allclose(ours.astype(jnp.float32), losses.focal(*wide), rtol=1e-2)


def test_gradient_equals_finite_differences_in_float64():
    for logits, targets, gamma in draws(40, classes=4):
        arguments = [jnp.asarray(x, jnp.float32) for x in (logits, targets, gamma)]
        slopes, by_gamma = jax.grad(losses.focal, (0, 2))(*arguments)
        for i in range(4):
            nudge = 1e-5 * np.eye(4)[i]
            rise = reference(logits + nudge, targets, gamma) - reference(logits - nudge, targets, gamma)
            assert float(slopes[i]) == pytest.approx(rise / 2e-5, rel=1e-3, abs=2e-5)
        rise = reference(logits, targets, gamma + 1e-5) - reference(logits, targets, gamma - 1e-5)
        assert float(by_gamma) == pytest.approx(rise / 2e-5, rel=1e-3, abs=2e-5)


@pytest.mark.parametrize("kind", TYPES)
def test_gamma_0_is_cross_entropy(kind):
    def cross_entropy(logits, targets):
        wide = logits.astype(jnp.float32)
        return -jnp.sum(targets.astype(jnp.float32) * jax.nn.log_softmax(wide)).astype(kind)

    for logits, targets, _ in draws(50):
        logits, targets = jnp.asarray(logits, kind), jnp.asarray(targets, kind)
        ours = jax.value_and_grad(losses.focal)(logits, targets, jnp.zeros((), kind))
        theirs = jax.value_and_grad(cross_entropy)(logits, targets)
        for a, b in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(
                a.astype(jnp.float32), b.astype(jnp.float32), atol=1e-6 + 1e-2 * (kind != jnp.float32)
            )


def test_gamma_lowers_the_loss_of_well_classified_clips():
    sure, unsure = jnp.array([4.0, 0.0]), jnp.array([0.5, 0.0])
    target = jnp.array([1.0, 0.0])
    ratios = [
        float(losses.focal(sure, target, g) / losses.focal(unsure, target, g)) for g in map(jnp.float32, (0, 1, 2))
    ]
    assert ratios[0] > 10 * ratios[1] > 100 * ratios[2] > 0


def test_the_naive_loss_equals_the_stable_one_at_moderate_logits():
    for logits, targets, gamma in draws(50, scale=1.0):
        arguments = [jnp.asarray(x, jnp.float32) for x in (logits, targets, gamma)]
        np.testing.assert_allclose(losses.focal_naive(*arguments), losses.focal(*arguments), rtol=1e-4, atol=1e-6)


def test_the_loss_of_an_example_does_not_depend_on_other_examples():
    batch = [jnp.asarray(np.stack(x), jnp.float32) for x in zip(*[d[:2] for d in draws(6)], strict=True)]
    order = np.array([3, 0, 5, 1, 4, 2])
    for loss in losses.LOSSES.values():
        each = jax.vmap(loss, (0, 0, None))(*batch, jnp.float32(2))
        permuted = jax.vmap(loss, (0, 0, None))(*(x[order] for x in batch), jnp.float32(2))
        np.testing.assert_array_equal(each[order], permuted)


def test_label_smoothing_keeps_the_sum_and_moves_the_given_amount():
    targets = jnp.array([0.0, 1.0, 0.0, 0.0])
    smoothed = losses.smooth_labels(targets, jnp.float32(0.2))
    np.testing.assert_allclose(smoothed, [0.05, 0.85, 0.05, 0.05], atol=1e-7)
    np.testing.assert_array_equal(losses.smooth_labels(targets, jnp.float32(0)), targets)
