"""Properties of every architecture: masks, both kinds of features, finite gradients, checked options."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.models.half import assert_keeps_half_precision
from voxjax import models
from voxjax.errors import UsageError

KEY = jax.random.key(3)
SMALL = {
    "advanced": {"filters": (4, 6), "lstm": (4,), "dense": (8,)},
    "baseline": {"filters": (4,), "dense": (8,)},
    "cnn": {"filters": (4, 4), "dense": (8,)},
    "encoder_head": {"project": 8, "filters": (4,), "reduction": 3, "lstm": (4,), "dense": (8,)},
    "encoder_statistics": {"dense": 8},
    "enhanced": {"filters": (4, 6, 4), "dense": (8,)},
    "hybrid": {"filters": (4,), "lstm": (4,), "dense": (8,)},
    "lstm": {"project": 6, "lstm": (4, 4), "dense": (8,)},
    "optimized": {"filters": (4,), "lstm": (4,), "dense": (8,)},
}
# Fitted, or with pretrained blocks or further modalities.
TESTED_ELSEWHERE = {"lda", "patch_lda", "encoder_tuned", "fusion"}
VARIANTS = [
    *((name, {}) for name in SMALL),
    *((name, {"stem": (3, 4), "stem_bins": 8}) for name in ("advanced", "cnn", "hybrid")),
    *((name, {"pooling": "attention", "heads": 2}) for name in ("advanced", "cnn", "enhanced", "lstm")),
    *((name, {"pooling": "mean"}) for name in ("cnn", "hybrid", "lstm")),
    ("lstm", {"fold": 4}),
    ("encoder_head", {"blocks": 3, "filters": (), "lstm": ()}),
    ("encoder_head", {"blocks": 2, "lstm": (), "heads": 3}),
]


def example(frames=48, channels=12, clips=3):
    inputs = jax.random.normal(KEY, (clips, frames, channels))
    mask = jnp.arange(frames)[None, :] < jnp.array([frames, frames // 2, 5])[:clips, None]
    return inputs, mask


def built(name, more, inputs, mask):
    network = models.build(name, SMALL[name] | more, 5)
    return network, jax.jit(network.init)(KEY, inputs, mask)


def test_every_architecture_is_tested():
    assert set(SMALL) | TESTED_ELSEWHERE == set(models.ARCHITECTURES)


@pytest.mark.parametrize(("name", "more"), VARIANTS)
def test_padding_does_not_change_the_logits(name, more):
    """Neither its values nor its length."""
    inputs, mask = example()
    network, variables = built(name, more, inputs, mask)
    apply = jax.jit(network.apply)
    logits = apply(variables, inputs, mask)
    assert logits.shape == (3, 5) and bool(jnp.all(jnp.isfinite(logits)))
    noisy = jnp.where(mask[..., None], inputs, 1e3)
    longer = (jnp.pad(noisy, ((0, 0), (0, 16), (0, 0)), constant_values=-7.0), jnp.pad(mask, ((0, 0), (0, 16))))
    np.testing.assert_allclose(apply(variables, noisy, mask), logits, atol=1e-5)
    np.testing.assert_allclose(apply(variables, *longer), logits, atol=1e-5)


@pytest.mark.parametrize("name", SMALL)
def test_logits_do_not_depend_on_other_clips_of_the_batch(name):
    inputs, mask = example()
    network, variables = built(name, {}, inputs, mask)
    apply = jax.jit(network.apply)
    order = jnp.array([2, 0, 1])
    np.testing.assert_allclose(
        apply(variables, inputs[order], mask[order]), apply(variables, inputs, mask)[order], atol=1e-5
    )


@pytest.mark.full_compiler  # XLA's quickest settings change these gradients
@pytest.mark.parametrize("name", SMALL)
def test_gradients_of_vector_features_are_finite(name):
    """The guide's 392 numbers, as a sequence of one channel; every weight gets a finite gradient."""
    inputs, mask = jax.random.normal(KEY, (4, 392, 1)), jnp.ones((4, 392), bool)
    network, variables = built(name, {}, inputs, mask)
    rates = models.DropoutRates(jnp.float32(0.2), jnp.float32(0.2))

    def loss(params):
        logits, stats = network.apply_train(variables._replace(params=params), inputs, mask, rates, KEY)
        return jnp.mean(jax.nn.logsumexp(logits, -1) - logits[:, 0]), stats

    gradient, stats = jax.jit(jax.grad(loss, has_aux=True))(variables.params)
    assert all(bool(jnp.all(jnp.isfinite(leaf))) for leaf in jax.tree.leaves((gradient, stats)))
    moved = [float(jnp.max(jnp.abs(leaf))) > 0 for leaf in jax.tree.leaves(gradient)]
    assert sum(moved) >= len(moved) - 1, "several weights have no gradient"


@pytest.mark.parametrize("name", SMALL)
def test_half_precision_is_kept_up_to_the_last_layer(name):
    inputs, mask = example()
    assert_keeps_half_precision(*built(name, {}, inputs, mask), inputs, mask)


def test_default_options_are_the_guides():
    enhanced, baseline = models.options("enhanced", {}), models.options("baseline", {})
    assert tuple(enhanced["filters"]) == (128, 256, 512, 256) and tuple(enhanced["dense"]) == (512, 256, 128)
    assert len(baseline["filters"]) == 2 and models.options("advanced", {})["lstm"]


@pytest.mark.parametrize(
    ("name", "wrong", "message"),
    [
        ("cnn", {"filters": ()}, "at least one number"),
        ("cnn", {"filters": (0,)}, "from 1 to"),
        ("cnn", {"pooling": "last"}, "one of mean, mean_max, attention"),
        ("lstm", {"lstm": (3,), "pooling": "attention"}, "divide the channels"),
        ("encoder_head", {"project": 6, "filters": ()}, "divide the channels"),
        ("hybrid", {"kernal": 3}, "did you mean"),
        ("baseline", {"dense": ("x",)}, "config.model.dense"),
    ],
)
def test_invalid_options_are_errors(name, wrong, message):
    with pytest.raises(UsageError, match=message):
        models.build(name, wrong, 4)
