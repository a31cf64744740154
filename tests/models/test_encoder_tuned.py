"""Fine-tuned blocks: they start at the published weights, and a member's parameters are its updates to them."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.encoders import test_wav2vec2
from tests.encoders.test_whisper import random_tensors
from tests.models.half import assert_keeps_half_precision
from voxjax import encoders, models
from voxjax.audio import normalize
from voxjax.config import EncoderFeatures, Hyper
from voxjax.encoders import tensors, wav2vec2, wav2vec2_config
from voxjax.errors import UsageError
from voxjax.models import layers
from voxjax.train import step

KEY = jax.random.key(7)
FEATURES = EncoderFeatures(encoder="whisper_tiny_en", blocks=(1,), hop_ms=20.0, tuned_blocks=2, centre="none")
HEAD = {"project": 8, "dense": (8,)}


@pytest.fixture(scope="module")
def params():
    return encoders.params(FEATURES, tensors.Tensors("random", random_tensors(64, 4)))


def block_outputs(params, blocks):
    """Outputs of chosen blocks for two clips, one shorter."""
    samples = jax.random.normal(KEY, (2, 8_000)) * 0.1
    features = dataclasses.replace(FEATURES, blocks=blocks)
    values, counts = encoders.extract_features(features, params, samples, jnp.array([8_000, 5_000]))
    return values.astype(jnp.float32), jnp.arange(values.shape[1])[None, :] < counts[:, None]


def network(**options):
    return models.build("encoder_tuned", {"head": HEAD, **options}, 5)


def test_before_training_the_logits_equal_those_of_the_frozen_encoder(params):
    pretrained = encoders.blocks_to_finetune(FEATURES, params)
    low, mask = block_outputs(params, (1,))
    high, _ = block_outputs(params, (3,))
    for options in ({}, {"rank": 4}, {"recompute": 1}):
        tuned = network(**options)
        variables = jax.jit(tuned.init)(KEY, low, mask, pretrained)
        answer = jax.jit(tuned.apply)(variables, low, mask, pretrained)
        head = models.build("encoder_head", HEAD, 5)
        norm = {"params": variables.params["outputs"], "batch_stats": variables.stats["outputs"]}
        scaled = layers.BatchNorm().apply(norm, high, mask, None)
        frozen = head.apply(models.Variables(variables.params["head"], {}), scaled, mask)
        np.testing.assert_allclose(answer, frozen, atol=2e-3)
        assert models.parameter_count(variables) > 1_000


@pytest.mark.parametrize("layout", test_wav2vec2.LAYOUTS)
def test_a_single_block_equals_that_block_inside_the_encoder(layout):
    built, variables = test_wav2vec2.network("hubert", layout, (0, 1, 2))
    samples, lengths = test_wav2vec2.clips(700, 500)
    outputs, mask = built.apply(variables, jnp.asarray(samples), jnp.asarray(lengths))
    strides = {"conv_dim": (8,) * 7, "conv_kernel": (10, 3, 3, 3, 3, 2, 2), "conv_stride": (5, 2, 2, 2, 2, 2, 2)}
    whole = dataclasses.replace(built.config, **strides)  # as models have them; blocks have no convolutions
    given = {**variables["params"], "layout": wav2vec2_config.text(whole)}
    x = outputs[:, :, 0]
    for number in (1, 2):
        x = jnp.where(mask[..., None], wav2vec2.block(wav2vec2.block_weights(given, number), x, mask), 0.0)
        if number == 1:
            np.testing.assert_allclose(x, outputs[:, :, 1], atol=1e-5)
    if layout == "base":
        np.testing.assert_allclose(x, outputs[:, :, 2], atol=1e-5)


def loss_of(tuned, variables, inputs, mask, pretrained):
    rates = models.DropoutRates(jnp.float32(0.0), jnp.float32(0.0))

    def loss(params):
        logits, _ = tuned.apply_train(variables._replace(params=params), inputs, mask, rates, KEY, pretrained)
        return jnp.mean(jax.nn.logsumexp(logits, -1) - logits[:, 0])

    return loss


def test_every_update_has_a_gradient_and_recomputation_does_not_change_it(params):
    pretrained = encoders.blocks_to_finetune(FEATURES, params)
    low, mask = block_outputs(params, (1,))
    found = []
    for recompute in (0, 1):
        tuned = network(recompute=recompute)
        variables = jax.jit(tuned.init)(KEY, low, mask, pretrained)
        found.append(jax.jit(jax.grad(loss_of(tuned, variables, low, mask, pretrained)))(variables.params))
    for one, other in zip(*map(jax.tree.leaves, found), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)
    changes = {name: part for name, part in found[0].items() if name.startswith("tuned_")}
    assert set(changes) == {"tuned_0", "tuned_1"}
    assert all(float(jnp.max(jnp.abs(leaf))) > 0 for leaf in jax.tree.leaves(changes))


@pytest.mark.parametrize("rank", [0, 2])
def test_half_precision_is_kept(params, rank):
    pretrained = encoders.blocks_to_finetune(FEATURES, params)
    low, mask = block_outputs(params, (1,))
    tuned = network(rank=rank)
    assert_keeps_half_precision(tuned, jax.jit(tuned.init)(KEY, low, mask, pretrained), low, mask, pretrained)


def test_low_rank_updates_have_few_parameters(params):
    pretrained = encoders.blocks_to_finetune(FEATURES, params)
    low, mask = block_outputs(params, (1,))
    full, low_rank = (network(rank=rank).init(KEY, low, mask, pretrained).params["tuned_0"] for rank in (0, 2))
    count = [sum(leaf.size for leaf in jax.tree.leaves(part)) for part in (full, low_rank)]
    assert count[1] < 0.1 * count[0]
    assert low_rank["mlp_in_kernel_down"].shape == (64, 2) and low_rank["mlp_in_kernel_up"].shape == (2, 256)


def test_blocks_are_unfrozen_from_the_top_one_after_the_other(params):
    """Of two blocks, the upper is frozen for a tenth of training, the lower for a fifth; the head is never frozen."""
    pretrained = encoders.blocks_to_finetune(FEATURES, params)
    low, mask = block_outputs(params, (1,))
    features = np.asarray(low, np.float16)[:, None]
    lengths = np.asarray(mask.sum(1), np.int32)[:, None]
    clips = step.Clips(features, lengths, np.array([0, 1], np.int32), pretrained)
    scaler = normalize.Scaler(jnp.zeros(64), jnp.ones(64))
    data = step.Data(clips, scaler, jnp.ones(5), jnp.float32(100))
    task = step.Task(network(), FEATURES, 5)
    hyper = step.traced(Hyper(unfreeze_fraction=0.1, warmup_fraction=0.0, clip_norm=1e9))
    state = jax.jit(step.init, static_argnums=0)(task, hyper, KEY, data)
    train = jax.jit(step.train_step, static_argnums=0)
    for at, expected in ((0, set()), (11, {"tuned_0"}), (21, {"tuned_0", "tuned_1"})):
        before = state._replace(step=jnp.int32(at))
        after = train(task, hyper, before, data, jnp.array([0, 1]), KEY)[0].variables.params
        moved = {name for name, part in after.items() if differs(part, state.variables.params[name])}
        assert moved - {"outputs", "head"} == expected and "head" in moved


def differs(one, other):
    return any(bool(jnp.any(a != b)) for a, b in zip(*map(jax.tree.leaves, (one, other)), strict=True))


@pytest.mark.parametrize(
    ("features", "message"),
    [
        ({"blocks": (1, 2)}, "one block's outputs, unscaled"),
        ({"centre": "corpus"}, "one block's outputs, unscaled"),
        ({"encoder": "yamnet", "hop_ms": 480.0}, "one of whisper_tiny_en"),
    ],
)
def test_features_that_cannot_be_finetuned_are_errors(params, features, message):
    with pytest.raises(UsageError, match=message):
        encoders.blocks_to_finetune(dataclasses.replace(FEATURES, **features), params)


def test_no_blocks_to_finetune_is_an_error(params):
    low, mask = block_outputs(params, (1,))
    with pytest.raises(UsageError, match=r"set config\.features\.tuned_blocks"):
        network().init(KEY, low, mask)


def test_blocks_that_the_encoder_does_not_have_are_errors():
    features = dataclasses.replace(FEATURES, tuned_blocks=4)
    with pytest.raises(UsageError, match="blocks from 1 to 4"):
        encoders.params(features, tensors.Tensors("random", random_tensors(64, 4)))
