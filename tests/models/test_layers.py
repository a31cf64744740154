"""Layers against plain references; padding does not change their outputs."""

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

from voxjax.models import layers, lstm_scan

KEY = jax.random.key(0)
LENGTHS = (9, 4, 1)
EXTRA = 5


def batch(channels=6):
    x = jnp.asarray(np.random.default_rng(0).normal(size=(3, 9, channels)), jnp.float32)
    mask = jnp.arange(9)[None, :] < jnp.array(LENGTHS)[:, None]
    return x, mask


def padded(x, mask):
    """The same clips in a longer array, with random padding."""
    rubbish = jnp.where(mask[..., None], x, 1e3)
    return (
        jnp.pad(rubbish, ((0, 0), (0, EXTRA), (0, 0)), constant_values=-1e3),
        jnp.pad(mask, ((0, 0), (0, EXTRA))),
    )


RATES = layers.DropoutRates(jnp.float32(0), jnp.float32(0))
MODULES = {
    "conv": (layers.MultiScaleConv(5, (3, 5, 7)), ()),
    "excite": (layers.SqueezeExcite(2), ()),
    "bilstm": (layers.BiLSTM(4), ()),
    "attention": (layers.AttentionPool(2), ()),
    "batchnorm": (layers.BatchNorm(), (RATES,)),
}


@pytest.mark.parametrize("name", MODULES)
def test_padding_does_not_change_the_outputs(name):
    module, rest = MODULES[name]
    x, mask = batch()
    variables = module.init(KEY, x, mask, *rest)
    short, _ = module.apply(variables, x, mask, *rest, mutable=["batch_stats"])
    long, _ = module.apply(variables, *padded(x, mask), *rest, mutable=["batch_stats"])
    for row, n in enumerate(LENGTHS):
        ours = long[row, :n] if long.ndim == 3 else long[row]
        theirs = short[row, :n] if short.ndim == 3 else short[row]
        np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_max_pool_is_the_maximum_of_valid_positions():
    x, mask = batch()
    pooled, kept = layers.max_pool(*padded(x, mask), 2)
    assert kept.sum(1).tolist() == [5, 2, 1]
    np.testing.assert_array_equal(pooled[1, 1], x[1, 2:4].max(0))
    np.testing.assert_array_equal(pooled[0, 4], x[0, 8])  # half a window at the end
    assert not np.any(np.where(kept[..., None], 0, pooled))


def test_bilstm_equals_flaxs_on_each_unpadded_clip():
    x, mask = batch()
    module = layers.BiLSTM(4)
    variables = module.init(KEY, x, mask)
    ours = module.apply(variables, x, mask)
    for name, part in {"forward": slice(0, 4), "backward": slice(4, 8)}.items():
        p = {k.removeprefix(f"{name}_"): v for k, v in variables["params"].items() if k.startswith(name)}
        cell = nn.OptimizedLSTMCell(4)
        gates = dict(zip("ifgo", range(4), strict=True))
        cut = {g: slice(4 * i, 4 * i + 4) for g, i in gates.items()}
        weights = {f"i{g}": {"kernel": p["kernel"][:, c]} for g, c in cut.items()}
        weights |= {f"h{g}": {"kernel": p["recurrent"][:, c], "bias": p["bias"][c]} for g, c in cut.items()}
        rnn = nn.RNN(cell, reverse=name == "backward", keep_order=name == "backward")
        for row, n in enumerate(LENGTHS):
            theirs = rnn.apply({"params": {"cell": weights}}, x[row : row + 1, :n])
            np.testing.assert_allclose(ours[row, :n, part], theirs[0], atol=1e-5)


def test_last_states_are_those_at_the_ends_of_the_clip():
    x, mask = batch(8)
    states = layers.last_states(x, mask)
    np.testing.assert_array_equal(states[1], jnp.concatenate([x[1, 3, :4], x[1, 0, 4:]]))


def test_batch_norm_uses_only_valid_positions():
    x, mask = batch()
    module = layers.BatchNorm()
    variables = module.init(KEY, x, mask, RATES)
    out, _ = module.apply(variables, *padded(x, mask), RATES, mutable=["batch_stats"])
    valid = np.asarray(out[:, :9])[np.asarray(mask)]
    np.testing.assert_allclose(valid.mean(0), 0, atol=1e-5)
    np.testing.assert_allclose(valid.std(0), 1, atol=1e-3)


@pytest.mark.parametrize("rate", [0.0, 0.25, 0.6])
def test_dropout_drops_its_fraction_and_keeps_the_mean(rate):
    ones = jnp.ones((100, 333))
    dropped = layers.Dropout().apply({}, ones, jnp.float32(rate), rngs={"dropout": KEY})
    assert float(jnp.mean(dropped == 0)) == pytest.approx(rate, abs=0.01)
    assert float(jnp.mean(dropped)) == pytest.approx(1.0, abs=0.02)
    np.testing.assert_array_equal(layers.Dropout().apply({}, ones, None), ones)


def test_dropout_bits_are_independent():
    rate = jnp.float32(0.5)
    kept = layers.Dropout().apply({}, jnp.ones((64, 256)), rate, rngs={"dropout": KEY}) > 0
    flat = np.asarray(kept, np.float64).ravel() - 0.5
    for lag in (1, 2, 3, 4, 256):
        assert abs(np.mean(flat[lag:] * flat[:-lag])) < 0.01


def test_bytes_of_hashed_words_are_uniform_and_unlike_those_of_other_keys():
    count, keys = 50_000, jax.vmap(jax.random.fold_in, (None, 0))(KEY, jnp.arange(8))
    words = np.asarray(jax.vmap(lambda key: layers.hashed_words(key, count))(keys))
    parts = words.view(np.uint8).reshape(8, count, 4)
    for place in range(4):
        for of_key in parts[..., place]:
            counts = np.bincount(of_key, minlength=256)
            assert scipy.stats.chisquare(counts).pvalue > 1e-4
    signs = np.unpackbits(parts.reshape(8, -1)[:, :40_000], axis=1).astype(np.float64) - 0.5
    related = np.corrcoef(signs) - np.eye(8)
    assert np.abs(related).max() < 5 / np.sqrt(signs.shape[1])


@pytest.mark.parametrize("reverse", [False, True])
def test_the_lstms_own_gradient_equals_the_derived_one(reverse):
    random = np.random.default_rng(3)
    inputs, recurrent = (jnp.asarray(random.normal(size=shape), jnp.float32) for shape in ((7, 3, 20), (5, 20)))
    valid = jnp.asarray(random.random((7, 3, 1)) < 0.7)
    weights = jnp.asarray(random.normal(size=(7, 3, 5)), jnp.float32)

    def loss(scan, inputs, recurrent):
        return jnp.sum(weights * scan(inputs, recurrent, valid, reverse))

    ours = jax.jit(jax.grad(functools.partial(loss, lstm_scan.lstm_scan), (0, 1)))(inputs, recurrent)
    derived = jax.jit(jax.grad(functools.partial(loss, lstm_scan.lstm_scan.fun), (0, 1)))(inputs, recurrent)
    for mine, his in zip(ours, derived, strict=True):
        np.testing.assert_allclose(mine, his, rtol=2e-5, atol=2e-6)


def test_attention_with_equal_scores_gives_mean_and_deviation():
    x, mask = batch()
    module = layers.AttentionPool(2)
    variables = jax.tree.map(jnp.zeros_like, module.init(KEY, x, mask))
    out = module.apply(variables, x, mask)
    np.testing.assert_allclose(out[1, :6], x[1, :4].mean(0), atol=1e-6)
    np.testing.assert_allclose(out[1, 6:], x[1, :4].std(0), atol=1e-3)


def test_the_deviation_in_attention_is_accurate_far_from_zero():
    """There, the mean of squares minus the squared mean has no correct digit in float32."""
    x, mask = batch()
    x = x + 3_000.0
    module = layers.AttentionPool(2)
    variables = jax.tree.map(jnp.zeros_like, module.init(KEY, x, mask))
    out = module.apply(variables, x, mask)
    np.testing.assert_allclose(out[1, 6:], np.asarray(x[1, :4], np.float64).std(0), rtol=1e-3)
