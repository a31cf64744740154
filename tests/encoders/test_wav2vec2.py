"""The wav2vec 2.0 family: equal to the reference; independent of padding and of other clips."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from voxjax.encoders import tensors, wav2vec2, wav2vec2_attention, wav2vec2_input
from voxjax.encoders.wav2vec2_config import MODEL_TYPES, Config
from voxjax.errors import UsageError

SMALL = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 48,
    "conv_dim": (16,) * 7,
    "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 4,
}
LAYOUTS = {
    "base": {},
    "large": {"feat_extract_norm": "layer", "do_stable_layer_norm": True, "conv_bias": True},
}
SHORT = {**SMALL, "conv_dim": (8,) * 3, "conv_kernel": (10, 3, 2), "conv_stride": (5, 2, 2)}  # 30 samples, hop 20
ODD = {  # all sizes different, so that a mix-up of axes fails
    **SMALL,
    "conv_dim": (6, 7, 8, 9, 10, 11, 12),
    "num_conv_pos_embeddings": 5,
    "feat_proj_layer_norm": False,
    "num_buckets": 12,
    "max_bucket_distance": 9,
    "layer_norm_eps": 1e-2,
}
CASES = [
    *((kind, layout, SMALL) for kind in MODEL_TYPES for layout in LAYOUTS),
    ("hubert", "base", ODD),
    ("wavlm", "large", {**ODD, "feat_proj_layer_norm": True}),
]
NAMES = [f"{kind} {layout}" for kind, layout, _ in CASES[:-2]] + ["hubert odd", "wavlm odd"]
TOLERANCE = 5e-5  # measured: 2e-5


def clips(*lengths):
    """Zero-padded noise; each clip has another level and offset."""
    rng = np.random.default_rng(0)
    batch = np.zeros((len(lengths), max(lengths)), np.float32)
    for i, length in enumerate(lengths):
        batch[i, :length] = 0.1 * (i + 1) * rng.normal(size=length) + 0.05 * i
    return batch, np.asarray(lengths, np.int32)


def random_weights(built, seed):
    """Random weights. Initial ones would hide mistakes: their biases are 0 and their scales 1."""
    rng = np.random.default_rng(seed)
    shapes = jax.eval_shape(built.init, jax.random.key(0), jnp.zeros((1, 1)), jnp.ones(1, jnp.int32))
    return jax.tree.map(lambda leaf: rng.normal(scale=0.2, size=leaf.shape).astype(np.float32), shapes)


def network(kind, layout, blocks=(0, 1, 2)):
    built = wav2vec2.Wav2Vec2(Config(model_type=kind, do_normalize=True, **{**SHORT, **LAYOUTS[layout]}), blocks)
    return built, random_weights(built, 1)


@pytest.fixture(scope="module")
def reference():
    pytest.importorskip("safetensors")
    torch = pytest.importorskip("torch")
    return torch, pytest.importorskip("transformers")


def published(reference, folder, kind, layout, sizes):
    """A random model as the reference writes it."""
    torch, transformers = reference
    config = transformers.AutoConfig.for_model(kind, **{**sizes, **LAYOUTS[layout]})
    torch.manual_seed(0)
    model = transformers.AutoModel.from_config(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.2 * torch.randn(parameter.shape))
    model.save_pretrained(folder)
    transformers.Wav2Vec2FeatureExtractor(do_normalize=True).save_pretrained(folder)
    return model


def answers(reference, model, folder, batch, lengths):
    """The reference's `[B, T, blocks, D]` for clips prepared by its own preprocessor."""
    torch, transformers = reference
    extractor = transformers.AutoFeatureExtractor.from_pretrained(folder)
    parts = [clip[:length] for clip, length in zip(batch, lengths, strict=True)]
    kind = {"return_tensors": "pt", "sampling_rate": 16_000, "padding": True, "return_attention_mask": True}
    with torch.no_grad():
        out = model(**extractor(parts, **kind), output_hidden_states=True)
    return torch.stack([*out.hidden_states[:-1], out.last_hidden_state], dim=2).numpy()


@pytest.mark.filterwarnings("ignore:Support for mismatched key_padding_mask")  # within the reference
@pytest.mark.parametrize(("kind", "layout", "sizes"), CASES, ids=NAMES)
def test_equals_the_reference(reference, tmp_path, kind, layout, sizes):
    model = published(reference, tmp_path, kind, layout, sizes)
    params = wav2vec2.params(kind, tensors.read(tmp_path), (0, 1, 2))
    batch, lengths = clips(9000, 6409, 2333)
    ours, mask = jax.jit(wav2vec2.apply, static_argnums=0)((0, 1, 2), params, batch, lengths)
    if layout == "large":  # the reference takes a mask, too
        theirs = answers(reference, model, tmp_path, batch, lengths)
        np.testing.assert_allclose(ours, np.where(mask[..., None, None], theirs, 0.0), atol=TOLERANCE)
    for i in range(len(lengths)):  # each clip alone: with a norm over time, the reference is right only without padding
        theirs = answers(reference, model, tmp_path, batch[i : i + 1], lengths[i : i + 1])
        assert int(mask[i].sum()) == theirs.shape[1]
        np.testing.assert_allclose(ours[i, : theirs.shape[1]], theirs[0], atol=TOLERANCE)


def test_buckets_of_distances_equal_the_references(reference):
    torch, transformers = reference
    config = Config(model_type="wavlm", do_normalize=True, **SMALL)
    model = transformers.AutoModel.from_config(transformers.AutoConfig.for_model("wavlm", **SMALL))
    bucket = model.encoder.layers[0].attention._relative_positions_bucket
    expected = bucket(torch.arange(1 - 3000, 3000)).numpy()
    np.testing.assert_array_equal(wav2vec2_attention.buckets(config, 3000), expected)


def test_near_distances_have_one_bucket_each():
    config = Config(model_type="wavlm", do_normalize=True)
    buckets = wav2vec2_attention.buckets(config, 2000)
    earlier, later = buckets[1999::-1], buckets[2000:]
    np.testing.assert_array_equal(earlier[:80], np.arange(80))
    np.testing.assert_array_equal(later, earlier[1:] + 160)
    assert np.all(np.diff(earlier) >= 0) and np.all(earlier[800:] == 159) and np.all(np.diff(earlier) <= 1)


@pytest.mark.parametrize(("kind", "layout"), [("wav2vec2", "base"), ("wavlm", "large")])
def test_padding_does_not_change_the_outputs(kind, layout):
    built, variables = network(kind, layout)
    apply = jax.jit(built.apply)
    batch, lengths = clips(450, 321, 117)
    outputs, mask = apply(variables, batch, lengths)
    assert not np.any(outputs[~mask])
    longer = np.random.default_rng(2).normal(size=(3, 581)).astype(np.float32)  # padding with noise
    longer[:, :450] = np.where(np.arange(450) < lengths[:, None], batch, longer[:, :450])
    padded, wider = apply(variables, longer, lengths)
    np.testing.assert_array_equal(np.sum(wider, 1), np.sum(mask, 1))
    np.testing.assert_allclose(padded[:, : mask.shape[1]], outputs, atol=1e-5)
    assert not np.any(padded[~wider])


def test_outputs_do_not_depend_on_other_clips():
    built, variables = network("wavlm", "base")
    apply = jax.jit(built.apply)
    batch, lengths = clips(450, 321, 117)
    order = np.array([2, 0, 1])
    outputs, mask = apply(variables, batch, lengths)
    again, also = apply(variables, batch[order], lengths[order])
    np.testing.assert_array_equal(also, mask[order])
    np.testing.assert_allclose(again, outputs[order], atol=1e-5)
    batch[1] = np.roll(batch[1], 7)
    other, _ = apply(variables, batch, lengths)
    np.testing.assert_array_equal(other[::2], outputs[::2])
    assert np.any(other[1] != outputs[1])


def test_compiled_equals_eager_and_compiles_once():
    built, variables = network("hubert", "base", blocks=(1,))
    batch, lengths = clips(450, 321)
    apply = jax.jit(built.apply)
    compiled, _ = apply(variables, batch, lengths)
    np.testing.assert_allclose(compiled, built.apply(variables, batch, lengths)[0], atol=1e-5)
    apply(random_weights(built, 3), 2 * batch, lengths - 100)
    assert apply._cache_size() == 1


def test_normalised_clips_do_not_depend_on_level_and_offset():
    batch, lengths = clips(9000, 6409, 2333)
    config = Config(model_type="wavlm", do_normalize=True)
    ours = np.asarray(wav2vec2_input.prepared(config, batch, lengths))
    for clip, length in zip(ours, lengths, strict=True):
        assert abs(clip[:length].mean()) < 1e-5 and clip[:length].var() == pytest.approx(1.0, abs=1e-3)
        assert not np.any(clip[length:])
    louder = wav2vec2_input.prepared(config, 5.0 * batch + 1.0, lengths)
    np.testing.assert_allclose(louder, ours, atol=2e-4)
    raw = wav2vec2_input.prepared(Config(model_type="wavlm", do_normalize=False), batch, lengths)
    np.testing.assert_array_equal(raw, batch)


def test_frames_span_25_ms_and_are_20_ms_apart():
    config = Config(model_type="wavlm", do_normalize=True)
    assert wav2vec2_input.field_samples(config) == 400
    lengths = jnp.array([0, 1, 399, 400, 719, 720, 16_000])
    assert wav2vec2_input.frames(config, lengths)[-1].tolist() == [1, 1, 1, 1, 1, 2, 49]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_shortest_clips_give_one_frame(layout):
    built, variables = network("wavlm", layout)
    outputs, mask = jax.jit(built.apply)(variables, jnp.ones((3, 7)), jnp.array([0, 1, 7]))
    assert outputs.shape == (3, 1, 3, 32) and np.all(mask) and np.all(np.isfinite(outputs))


def test_gradients_of_all_weights_are_finite_and_not_zero():
    built, variables = network("wavlm", "base", blocks=(1, 2))
    batch, lengths = clips(321, 60)

    def loss(variables):
        outputs, mask = built.apply(variables, batch, lengths)
        return jnp.sum(jnp.where(mask[..., None, None], jnp.sin(outputs), 0.0))

    gradients = jax.jit(jax.grad(loss))(variables)
    for path, leaf in jax.tree_util.tree_leaves_with_path(gradients):
        assert np.all(np.isfinite(leaf)) and np.any(leaf), path


@pytest.mark.parametrize("layout", LAYOUTS)
def test_chosen_blocks_equal_those_of_the_full_encoder_and_later_ones_are_not_built(layout):
    built, variables = network("wavlm", layout)
    batch, lengths = clips(450, 321)
    every, _ = jax.jit(built.apply)(variables, batch, lengths)
    some = wav2vec2.Wav2Vec2(built.config, (1, 0))
    inner = random_weights(some, 1)["params"]["encoder"]
    assert {name for name in inner if name.startswith("layers")} == {"layers_0"}
    assert ("layer_norm" in inner) == (layout == "base")  # in the large layout, it follows the last block
    outputs, _ = jax.jit(some.apply)(variables, batch, lengths)
    np.testing.assert_allclose(outputs, every[:, :, (1, 0)], atol=1e-5)


@pytest.mark.parametrize("blocks", [(), (-1,), (0, 3)])
def test_blocks_that_the_encoder_does_not_have_are_errors(tmp_path, blocks):
    (tmp_path / "config.json").write_text('{"model_type": "hubert", "num_hidden_layers": 2}')
    (tmp_path / "preprocessor_config.json").write_text('{"do_normalize": true}')
    with pytest.raises(UsageError, match="numbers from 0 to 2"):
        wav2vec2.params("hubert", tensors.Tensors("none", {}, tmp_path), blocks)
