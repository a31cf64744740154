"""Published files of the wav2vec 2.0 family: all variants give the same weights, bad files an error of one line."""

import json

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest

from voxjax.encoders import tensors, wav2vec2, wav2vec2_weights
from voxjax.encoders.wav2vec2_config import Config
from voxjax.errors import VoxJaxError

CONFIG = {
    "hidden_size": 12,
    "num_hidden_layers": 2,
    "num_attention_heads": 3,
    "intermediate_size": 20,
    "conv_dim": (4, 5, 6),
    "conv_kernel": (10, 3, 2),
    "conv_stride": (5, 2, 2),
    "num_conv_pos_embeddings": 8,
    "num_conv_pos_embedding_groups": 2,
}
POSITIONAL = "encoder.pos_conv_embed.conv"
LENGTH, DIRECTION = f"{POSITIONAL}.weight_g", f"{POSITIONAL}.weight_v"


def shapes(blocks=(1, 2)):
    built = wav2vec2.Wav2Vec2(Config(model_type="wavlm", do_normalize=True, **CONFIG), blocks)
    return jax.eval_shape(built.init, jax.random.key(0), jnp.zeros((1, 1)), jnp.ones(1, jnp.int32))["params"]


def published():
    """Tensors with the names and shapes of the reference's files."""
    sizes = {
        "encoder.layer_norm.bias": (12,),
        "encoder.layer_norm.weight": (12,),
        LENGTH: (1, 1, 8),
        DIRECTION: (12, 6, 8),
        f"{POSITIONAL}.bias": (12,),
        "feature_extractor.conv_layers.0.conv.weight": (4, 1, 10),
        "feature_extractor.conv_layers.0.layer_norm.bias": (4,),
        "feature_extractor.conv_layers.0.layer_norm.weight": (4,),
        "feature_extractor.conv_layers.1.conv.weight": (5, 4, 3),
        "feature_extractor.conv_layers.2.conv.weight": (6, 5, 2),
        "feature_projection.layer_norm.bias": (6,),
        "feature_projection.layer_norm.weight": (6,),
        "feature_projection.projection.bias": (12,),
        "feature_projection.projection.weight": (12, 6),
        "encoder.layers.0.attention.rel_attn_embed.weight": (320, 3),
        "masked_spec_embed": (12,),
    }
    for i in range(2):
        block = f"encoder.layers.{i}"
        sizes |= {f"{block}.attention.{part}_proj.weight": (12, 12) for part in ("q", "k", "v", "out")}
        sizes |= {f"{block}.attention.{part}_proj.bias": (12,) for part in ("q", "k", "v", "out")}
        sizes[f"{block}.attention.gru_rel_pos_const"] = (1, 3, 1, 1)
        sizes[f"{block}.attention.gru_rel_pos_linear.weight"] = (8, 4)
        sizes[f"{block}.attention.gru_rel_pos_linear.bias"] = (8,)
        sizes[f"{block}.feed_forward.intermediate_dense.weight"] = (20, 12)
        sizes[f"{block}.feed_forward.intermediate_dense.bias"] = (20,)
        sizes[f"{block}.feed_forward.output_dense.weight"] = (12, 20)
        sizes[f"{block}.feed_forward.output_dense.bias"] = (12,)
        sizes |= {f"{block}.{norm}.{part}": (12,) for norm in NORMS for part in ("weight", "bias")}
    rng = np.random.default_rng(0)
    return {name: rng.normal(size=size).astype(np.float32) for name, size in sizes.items()}


NORMS = ("layer_norm", "final_layer_norm")


@pytest.fixture(scope="module")
def save():
    return pytest.importorskip("safetensors.numpy").save_file


def read(path, wanted):
    return wav2vec2_weights.fill(tensors.read(path), wanted)


def same(one, other, **tolerance):
    assert jax.tree.structure(one) == jax.tree.structure(other)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, **tolerance), one, other)


def test_tensors_are_assigned_to_their_weights(save, tmp_path):
    written = published()
    save(written, tmp_path / "model.safetensors")
    weights = read(tmp_path, shapes())
    assert {leaf.dtype for leaf in jax.tree.leaves(weights)} == {np.dtype(np.float32)}
    assert len(jax.tree.leaves(weights)) == len(written) - 2  # two make one kernel, one is not read
    block = weights["encoder"]["layers_1"]
    dense = written["encoder.layers.1.feed_forward.output_dense.weight"]
    np.testing.assert_array_equal(block["feed_forward"]["output_dense"]["kernel"], dense.T)
    conv = written["feature_extractor.conv_layers.1.conv.weight"]
    np.testing.assert_array_equal(
        weights["feature_extractor"]["conv_layers_1"]["conv"]["kernel"], np.einsum("oik->kio", conv)
    )
    positional = weights["encoder"]["pos_conv_embed"]["conv"][
        "kernel"
    ]  # [8, 6, 12]; the norm of each of the 8 is a tensor of the file
    lengths = np.sqrt(np.square(positional).sum((1, 2)))
    np.testing.assert_allclose(lengths, np.abs(written[LENGTH][0, 0]), rtol=1e-5)


def with_newer_names(written):
    fresh = f"{POSITIONAL}.parametrizations.weight.original"
    return {{LENGTH: f"{fresh}0", DIRECTION: f"{fresh}1"}.get(name, name): part for name, part in written.items()}


def with_folded_norm(written):
    direction = written[DIRECTION]
    weight = written[LENGTH] * direction / np.linalg.norm(direction.reshape(-1, 8), axis=0)
    return {**{k: v for k, v in written.items() if k not in (LENGTH, DIRECTION)}, f"{POSITIONAL}.weight": weight}


def with_a_head(written):
    return {**{f"wavlm.{name}": part for name, part in written.items()}, "lm_head.weight": np.zeros((3, 12))}


VARIANTS = {"newer names": with_newer_names, "folded norm": with_folded_norm, "with a head": with_a_head}


@pytest.mark.parametrize("variant", VARIANTS)
def test_all_variants_give_the_same_weights(save, tmp_path, variant):
    (tmp_path / "other").mkdir()
    save(published(), tmp_path / "model.safetensors")
    save(VARIANTS[variant](published()), tmp_path / "other" / "model.safetensors")
    expected = read(tmp_path, shapes())
    same(read(tmp_path / "other", shapes()), expected, rtol=1e-5)


def test_a_file_in_parts_gives_the_same_weights(save, tmp_path):
    (tmp_path / "parts").mkdir()
    written = published()
    save(written, tmp_path / "model.safetensors")
    names = sorted(written)
    places = {name: f"model-0000{1 + i % 2}-of-00002.safetensors" for i, name in enumerate(names)}
    for part in set(places.values()):
        save({name: written[name] for name in names if places[name] == part}, tmp_path / "parts" / part)
    (tmp_path / "parts" / "model.safetensors.index.json").write_text(json.dumps({"weight_map": places}))
    same(read(tmp_path / "parts", shapes()), read(tmp_path, shapes()))


@pytest.mark.parametrize(("kind", "step"), [(np.float16, 2**-10), (ml_dtypes.bfloat16, 2**-7)])
def test_half_precision_becomes_float32(save, tmp_path, kind, step):
    save(
        {name: part.astype(kind) for name, part in with_folded_norm(published()).items()},
        tmp_path / "model.safetensors",
    )
    weights = read(tmp_path, shapes())
    kernel = weights["feature_projection"]["projection"]["kernel"]
    assert kernel.dtype == np.float32
    np.testing.assert_allclose(kernel, published()["feature_projection.projection.weight"].T, rtol=step)


def test_blocks_after_the_last_chosen_one_are_not_read(save, tmp_path):
    early = {name: part for name, part in published().items() if not name.startswith("encoder.layers.1.")}
    save(early, tmp_path / "model.safetensors")
    assert "layers_1" not in read(tmp_path, shapes((0, 1)))["encoder"]
    with pytest.raises(VoxJaxError, match=r"a tensor encoder\.layers\.1\.\S+, found"):
        read(tmp_path, shapes((2,)))


def without(written):
    del written["feature_projection.projection.bias"]


def odd(written):
    written["feature_projection.projection.weight"] = np.zeros((12, 7), np.float32)


def infinite(written):
    written[DIRECTION][3, 2, 1] = np.nan


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (without, r"expected a tensor feature_projection.projection.bias, found"),
        (odd, r"feature_projection.projection.weight: expected a shape of 12x6, found 12x7"),
        (infinite, f"{DIRECTION}: expected finite numbers"),
    ],
)
def test_the_error_names_a_tensor_that_does_not_fit(save, tmp_path, damage, message):
    written = published()
    damage(written)
    save(written, tmp_path / "model.safetensors")
    with pytest.raises(VoxJaxError, match=message) as caught:
        read(tmp_path, shapes())
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("README.md", b"", "found neither"),
        ("pytorch_model.bin", b"PK", "a pickle can run code and is not read: fetch model.safetensors"),
        ("model.safetensors", b"", "expected a whole file of weights"),
        ("model.safetensors", b"\xff" * 100, "expected a whole file of weights"),
        ("model.safetensors.index.json", b"{", "expected an index"),
        ("model.safetensors.index.json", b'{"weight_map": [1]}', "expected an index"),
        ("model.safetensors.index.json", b'{"weight_map": {"a": 1}}', "expected an index"),
        ("model.safetensors.index.json", b'{"weight_map": {"a": "../b"}}', "names of files beside it, found ../b"),
        ("model.safetensors.index.json", b'{"weight_map": {"a": "b"}}', "no such file"),
    ],
)
def test_unreadable_files_are_errors_of_one_line(save, tmp_path, name, content, message):
    del save
    (tmp_path / name).write_bytes(content)
    with pytest.raises(VoxJaxError, match=message) as caught:
        read(tmp_path, shapes())
    assert "\n" not in str(caught.value)
