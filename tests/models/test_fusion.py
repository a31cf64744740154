"""The fusion network: any subset of the modalities is enough, and an absent one has no influence."""

import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.models.half import assert_keeps_half_precision
from voxjax import models
from voxjax.errors import UsageError

KEY = jax.random.key(11)
AUDIO = {"stem": (), "filters": (4,), "kernels": (3,), "lstm": (), "dense": (6,), "pooling": "attention", "heads": 2}
SHAPES = {"audio": (20, 5), "text": (1, 7), "face": (6, 3)}
CLASSES = 4
EVERY = [names for size in (1, 2, 3) for names in itertools.combinations(SHAPES, size)]
both = pytest.mark.parametrize("fuse", ["late", "gated"])


@functools.cache
def built(fuse):
    options = {"modalities": ("text", "face"), "audio": AUDIO, "fuse": fuse, "embed": 8, "project": 8, "dense": (6,)}
    network = models.build("fusion", options, CLASSES)
    return network, jax.jit(network.init)(KEY, *example(tuple(SHAPES)))


@functools.cache
def compiled(fuse):
    """The compiled network, shared by all tests."""
    return jax.jit(built(fuse)[0].apply)


@functools.cache
def gradients(fuse):
    """Gradients, logits and statistics of a loss: one compiled program for all subsets of modalities."""
    network, variables = built(fuse)
    rates = models.DropoutRates(jnp.float32(0.2), jnp.float32(0.2))

    def loss(params, inputs, masks):
        logits, stats = network.apply_train(variables._replace(params=params), inputs, masks, rates, KEY)
        return jnp.mean(jax.nn.logsumexp(logits, -1) - logits[:, 0]), (logits, stats)

    return jax.jit(jax.grad(loss, has_aux=True))


def example(names, clips=3, seed=0):
    """Inputs, and masks that are true only for the named modalities."""
    keys = jax.random.split(jax.random.key(seed), len(SHAPES))
    inputs = {name: jax.random.normal(k, (clips, *SHAPES[name])) for k, name in zip(keys, SHAPES, strict=True)}
    masks = {name: jnp.full((clips, SHAPES[name][0]), name in names) for name in SHAPES}
    return inputs, masks


@both
@pytest.mark.parametrize("names", EVERY, ids="+".join)
def test_any_subset_of_modalities_gives_finite_logits_and_gradients(fuse, names):
    _, variables = built(fuse)
    inputs, masks = example(names)
    gradient, (logits, stats) = gradients(fuse)(variables.params, inputs, masks)
    assert logits.shape == (3, CLASSES)
    assert all(bool(jnp.all(jnp.isfinite(leaf))) for leaf in jax.tree.leaves((gradient, logits, stats)))
    for name in set(SHAPES) - set(names):
        assert all(not jnp.any(leaf) for leaf in jax.tree.leaves(gradient[name])), "an absent modality has a gradient"


@both
def test_half_precision_is_kept(fuse):
    assert_keeps_half_precision(*built(fuse), *example(("audio", "text")))


@both
@pytest.mark.parametrize("names", EVERY, ids="+".join)
def test_values_of_an_absent_modality_do_not_change_the_logits(fuse, names):
    _, variables = built(fuse)
    inputs, masks = example(names)
    apply = compiled(fuse)
    for filler in (1e6, jnp.nan):
        dirty = {name: x if name in names else jnp.full_like(x, filler) for name, x in inputs.items()}
        np.testing.assert_array_equal(apply(variables, dirty, masks), apply(variables, inputs, masks))


@both
def test_each_modality_changes_the_logits(fuse):
    _, variables = built(fuse)
    inputs, masks = example(tuple(SHAPES))
    other, _ = example(tuple(SHAPES), seed=1)
    apply = compiled(fuse)
    before = apply(variables, inputs, masks)
    for name in SHAPES:
        changed = apply(variables, {**inputs, name: other[name]}, masks)
        assert float(jnp.min(jnp.max(jnp.abs(changed - before), axis=1))) > 1e-4, name


@both
def test_each_clip_of_a_batch_uses_its_own_modalities(fuse):
    """In one batch, the first clip has only audio and the second only text; each has the logits that it has alone."""
    _, variables = built(fuse)
    inputs, _ = example(tuple(SHAPES), clips=2)
    masks = {name: jnp.full((2, size), False) for name, (size, _) in SHAPES.items()}
    masks["audio"], masks["text"] = masks["audio"].at[0].set(True), masks["text"].at[1].set(True)
    apply = compiled(fuse)
    together = apply(variables, inputs, masks)
    for i, names in enumerate((("audio",), ("text",))):
        alone = apply(variables, inputs, example(names, clips=2)[1])[i]
        np.testing.assert_allclose(together[i], alone, atol=1e-5)


@both
def test_padding_of_a_modality_does_not_change_the_logits(fuse):
    _, variables = built(fuse)
    inputs, masks = example(tuple(SHAPES))
    apply = compiled(fuse)
    longer = {**inputs, "face": jnp.pad(inputs["face"], ((0, 0), (0, 5), (0, 0)), constant_values=9.0)}
    wider = {**masks, "face": jnp.pad(masks["face"], ((0, 0), (0, 5)))}
    np.testing.assert_allclose(apply(variables, longer, wider), apply(variables, inputs, masks), atol=1e-5)


@both
def test_without_any_modality_all_logits_are_zero(fuse):
    _, variables = built(fuse)
    np.testing.assert_array_equal(compiled(fuse)(variables, *example(())), np.zeros((3, CLASSES)))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"fuse": "early"}, "one of late, gated"),
        ({"modalities": ()}, "at least one"),
        ({"modalities": ("text", "text")}, "each once"),
        ({"project": 10, "heads": 4}, "divide the channels"),
        ({"audio": {"filtres": (3,)}}, "did you mean 'config.model.audio.filters'"),
    ],
)
def test_invalid_options_are_errors(wrong, message):
    with pytest.raises(UsageError, match=message):
        models.build("fusion", wrong, CLASSES)
