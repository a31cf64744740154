"""What every architecture must keep to: masks, both kinds of features, finite gradients, options that say no."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.models.half import assert_stays_half
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
ELSEWHERE = {"lda", "encoder_tuned", "fusion"}  # fitted, or with pretrained blocks or further modalities
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


def test_each_architecture_is_tried():
    assert set(SMALL) | ELSEWHERE == set(models.ARCHITECTURES)


@pytest.mark.parametrize(("name", "more"), VARIANTS)
def test_padding_never_changes_an_answer(name, more):
    """Neither what stands in the padding nor how long it is."""
    inputs, mask = example()
    network, variables = built(name, more, inputs, mask)
    apply = jax.jit(network.apply)
    logits = apply(variables, inputs, mask)
    assert logits.shape == (3, 5) and bool(jnp.all(jnp.isfinite(logits)))
    dirty = jnp.where(mask[..., None], inputs, 1e3)
    longer = (jnp.pad(dirty, ((0, 0), (0, 16), (0, 0)), constant_values=-7.0), jnp.pad(mask, ((0, 0), (0, 16))))
    np.testing.assert_allclose(apply(variables, dirty, mask), logits, atol=1e-5)
    np.testing.assert_allclose(apply(variables, *longer), logits, atol=1e-5)


@pytest.mark.parametrize("name", SMALL)
def test_an_answer_depends_on_its_own_clip_alone(name):
    inputs, mask = example()
    network, variables = built(name, {}, inputs, mask)
    apply = jax.jit(network.apply)
    order = jnp.array([2, 0, 1])
    np.testing.assert_allclose(
        apply(variables, inputs[order], mask[order]), apply(variables, inputs, mask)[order], atol=1e-5
    )


@pytest.mark.full_compiler  # XLA's quickest settings give other gradients here
@pytest.mark.parametrize("name", SMALL)
def test_vectors_are_learnt_from_too(name):
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
    assert sum(moved) >= len(moved) - 1, "at most a dead bias"


@pytest.mark.parametrize("name", SMALL)
def test_half_precision_stays_half_to_the_last_layer(name):
    inputs, mask = example()
    assert_stays_half(*built(name, {}, inputs, mask), inputs, mask)


def test_guides_shapes_are_the_defaults():
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
def test_options_that_can_not_be_are_refused(name, wrong, message):
    with pytest.raises(UsageError, match=message):
        models.build(name, wrong, 4)
