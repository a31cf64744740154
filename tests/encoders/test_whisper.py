"""Whisper's encoder: front end, masks, readers; against PyTorch's, and stored outputs of the real weights."""

import dataclasses
import json
import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import soundfile

from voxjax import encoders
from voxjax.audio import dsp
from voxjax.config import EncoderFeatures
from voxjax.data import synthetic
from voxjax.encoders import tensors, whisper, whisper_input
from voxjax.errors import UsageError, VoxJaxError

KEY = jax.random.key(5)
CHANNELS = 128


def random_tensors(channels=CHANNELS, blocks=3, seed=0):
    """Random weights under the reference implementation's names, as large as trained ones."""
    random = np.random.default_rng(seed)
    shapes = {
        "conv1.weight": (channels, 80, 3),
        "conv1.bias": (channels,),
        "conv2.weight": (channels, channels, 3),
        "conv2.bias": (channels,),
        "positional_embedding": (1500, channels),
    }
    for i in range(blocks):
        square, wide = (channels, channels), (4 * channels, channels)
        shapes |= {f"blocks.{i}.attn.{part}.weight": square for part in ("query", "key", "value", "out")}
        shapes |= {f"blocks.{i}.attn.{part}.bias": (channels,) for part in ("query", "value", "out")}
        shapes |= {
            f"blocks.{i}.{norm}.{part}": (channels,) for norm in ("attn_ln", "mlp_ln") for part in ("weight", "bias")
        }
        shapes |= {f"blocks.{i}.mlp.0.weight": wide, f"blocks.{i}.mlp.0.bias": (4 * channels,)}
        shapes |= {f"blocks.{i}.mlp.2.weight": wide[::-1], f"blocks.{i}.mlp.2.bias": (channels,)}
    made = {}
    for name, shape in shapes.items():
        values = random.normal(0.0, shape[-1] ** -0.5, shape)
        made[f"encoder.{name}"] = (values + 1.0 if name.endswith("ln.weight") else values).astype(np.float32)
    return made


HUGGING_FACE = {
    "blocks.": "layers.",
    "attn_ln": "self_attn_layer_norm",
    "attn.query": "self_attn.q_proj",
    "attn.key": "self_attn.k_proj",
    "attn.value": "self_attn.v_proj",
    "attn.out": "self_attn.out_proj",
    "mlp_ln": "final_layer_norm",
    "mlp.0": "fc1",
    "mlp.2": "fc2",
    "positional_embedding": "embed_positions.weight",
}


def hugging_face(name):
    for ours, theirs in HUGGING_FACE.items():
        name = name.replace(ours, theirs)
    return name


@pytest.fixture(scope="module")
def params():
    return whisper.params(tensors.Tensors("random", random_tensors()), (1, 3))


def voices(count=3):
    clips = [synthetic.render(synthetic.SPEAKERS[i], "angry", i)[: 9_000 + 2_345 * i] for i in range(count)]
    samples = np.zeros((count, max(map(len, clips))), np.float32)
    for row, clip in zip(samples, clips, strict=True):
        row[: len(clip)] = clip
    return jnp.asarray(samples), jnp.array([len(clip) for clip in clips], jnp.int32)


ENCODE = jax.jit(whisper.apply, static_argnums=0)


def assert_close(found, expected, tolerance=1e-6):
    """Equal to within a fraction of the largest value: random weights have sums whose parts nearly cancel."""
    np.testing.assert_allclose(found, expected, rtol=0.0, atol=tolerance * np.abs(expected).max())


def test_the_front_end_equals_a_plain_transform_of_each_clip():
    samples, lengths = voices()
    ours, mask = jax.jit(whisper_input.log_mels)(samples, lengths)
    for row, length, levels, valid in zip(samples, lengths, ours, mask, strict=True):
        clip = np.pad(np.asarray(row[: int(length)], np.float64), 200, mode="reflect")
        frames = np.stack([clip[start : start + 400] for start in range(0, 160 * (int(length) // 160), 160)])
        power = np.abs(np.fft.rfft(frames * np.hanning(401)[:400])) ** 2
        levels64 = np.log10(np.maximum(power @ dsp.mel_filters(16_000, 400, 80, 0.0, 8_000.0), 1e-10))
        levels64 = (np.maximum(levels64, levels64.max() - 8.0) + 4.0) / 4.0
        assert int(valid.sum()) == len(frames)
        np.testing.assert_allclose(levels[: len(frames)], levels64, atol=2e-4)
        assert not np.any(levels[len(frames) :])


def test_padding_does_not_change_the_outputs(params):
    samples, lengths = voices()
    outputs, mask = ENCODE((1, 3), params, samples, lengths)
    assert outputs.shape == (*mask.shape, 2, CHANNELS)
    longer = jnp.pad(samples, ((0, 0), (0, 7_000)), constant_values=0.3)
    again, wide = ENCODE((1, 3), params, longer, lengths)
    positions = mask.shape[1]
    np.testing.assert_array_equal(wide[:, :positions], mask)
    assert_close(again[:, :positions], outputs)
    assert not np.any(again[:, positions:])


def test_outputs_do_not_depend_on_other_clips(params):
    samples, lengths = voices()
    outputs, mask = ENCODE((1, 3), params, samples, lengths)
    order = jnp.array([2, 0, 1])
    again, masks = ENCODE((1, 3), params, samples[order], lengths[order])
    np.testing.assert_array_equal(masks, mask[order])
    assert_close(again, outputs[order])


def test_compiled_equals_eager_and_fewer_blocks_have_the_same_outputs(params):
    samples, lengths = voices(2)
    assert_close(whisper.apply((1, 3), params, samples, lengths)[0], ENCODE((1, 3), params, samples, lengths)[0])
    few = whisper.params(tensors.Tensors("random", random_tensors()), (1,))
    assert set(few) == set(params) - {"block2", "block3"}
    assert_close(ENCODE((1,), few, samples, lengths)[0][:, :, 0], ENCODE((1, 3), params, samples, lengths)[0][:, :, 0])


def test_both_naming_schemes_and_both_formats_give_the_same_weights(tmp_path):
    safetensors = pytest.importorskip("safetensors.numpy")
    plain = random_tensors(blocks=1)
    named = {f"model.{hugging_face(name)}": values for name, values in plain.items()}
    named["model.decoder.layers.0.fc1.weight"] = np.ones((2, 2), np.float32)
    safetensors.save_file(named, tmp_path / "w.safetensors")
    np.savez(tmp_path / "w.npz", **plain)
    first, second = (whisper.params(tensors.read(tmp_path / f"w.{kind}"), (1,)) for kind in ("npz", "safetensors"))
    jax.tree.map(np.testing.assert_array_equal, first, second)


def test_the_error_names_wrong_weights(tmp_path):
    wrong = random_tensors(blocks=1)
    with pytest.raises(UsageError, match="expected blocks from 1 to 1"):
        whisper.params(tensors.Tensors("w", wrong), (2,))
    with pytest.raises(VoxJaxError, match=r"blocks\.0\.attn\.out\.weight: expected a shape of 128x128, found 3x3"):
        whisper.params(tensors.Tensors("w", wrong | {"encoder.blocks.0.attn.out.weight": np.ones((3, 3))}), (1,))
    del wrong["encoder.conv2.bias"]
    with pytest.raises(VoxJaxError, match=r"a tensor conv2\.bias"):
        whisper.params(tensors.Tensors("w", wrong), (1,))
    (tmp_path / "half.npz").write_bytes(b"PK\x03\x04 cut off")
    for name, message in (("half.npz", "a whole file"), ("w.pt", "can run code"), ("none.npz", "no such file")):
        with pytest.raises(VoxJaxError, match=message):
            tensors.read(tmp_path / name)


def test_clips_longer_than_the_encoders_positions_are_errors(params):
    with pytest.raises(UsageError, match="at most 30 s"):
        whisper.apply((1,), params, jnp.zeros((1, 31 * 16_000)), jnp.array([31 * 16_000], jnp.int32))


def test_a_block_adds_its_second_dense_layer_of_the_hidden_units(params):
    """A block's output minus its value after attention equals its second dense layer applied to the hidden units."""
    samples, lengths = voices()
    units, mask = jax.jit(whisper.hidden, static_argnums=0)((1,), params, samples, lengths)
    outputs, masks = ENCODE((0, 1), params, samples, lengths)
    np.testing.assert_array_equal(mask, masks)
    assert units.shape == (*mask.shape, 1, 4 * CHANNELS) and not np.any(units[~np.asarray(mask)])
    weights = params["block1"]
    first = whisper.Attention(CHANNELS // 64)
    before = np.asarray(outputs[:, :, 0], np.float64)
    norm = weights["attn_ln"]
    scaled = (before - before.mean(-1, keepdims=True)) / np.sqrt(before.var(-1, keepdims=True) + 1e-5)
    attended = first.apply({"params": weights["attn"]}, jnp.float32(scaled * norm["scale"] + norm["bias"]), mask)
    fed_forward = np.asarray(units[:, :, 0]) @ weights["mlp_out"]["kernel"] + weights["mlp_out"]["bias"]
    valid = np.asarray(mask)
    np.testing.assert_allclose((before + attended + fed_forward)[valid], np.asarray(outputs[:, :, 1])[valid], atol=2e-4)


def test_statistics_of_valid_positions_equal_numpys(params):
    samples, lengths = voices()
    config = EncoderFeatures(encoder="whisper_tiny_en", blocks=(1, 3), hop_ms=20.0, part="hidden", pooling="statistics")
    got, counts = encoders.extract_features(config, params, samples, lengths)
    units, mask = whisper.hidden((1, 3), params, samples, lengths)
    assert got.shape == (3, 1, 2 * 2 * 4 * CHANNELS) and got.dtype == jnp.float16
    np.testing.assert_array_equal(counts, [1, 1, 1])
    for row, clip, valid in zip(np.asarray(got[:, 0], np.float32), np.asarray(units), np.asarray(mask), strict=True):
        own = clip[valid].reshape(valid.sum(), -1)
        np.testing.assert_allclose(row, np.concatenate([own.mean(0), own.std(0)]), rtol=2e-3, atol=2e-3)


def test_hidden_units_of_an_encoder_without_them_are_an_error():
    with pytest.raises(UsageError, match=r"features\.part hidden: expected one of whisper_tiny_en, .* found yamnet"):
        encoders.encoder_for(EncoderFeatures(encoder="yamnet", blocks=(9,), hop_ms=480.0, part="hidden"))
    with pytest.raises(UsageError, match=r"features\.pooling statistics.*centre"):
        EncoderFeatures(encoder="yamnet", blocks=(9,), pooling="statistics", centre="clip")


def test_a_config_that_does_not_fit_the_encoder_is_an_error():
    config = EncoderFeatures(encoder="whisper_tiny_en", blocks=(2,), hop_ms=20.0)
    assert encoders.encoder_for(config).hop_ms == 20.0
    with pytest.raises(UsageError, match=r"features\.hop_ms"):
        encoders.encoder_for(EncoderFeatures(encoder="whisper_tiny_en", blocks=(2,)))
    with pytest.raises(UsageError, match="did you mean 'whisper_tiny_en'"):
        encoders.encoder_for(EncoderFeatures(encoder="whisper_tinyen", blocks=(2,)))


def test_a_longer_hop_averages_neighbouring_positions_of_the_clip(params):
    samples, lengths = voices()
    config = EncoderFeatures(encoder="whisper_tiny_en", blocks=(1, 3), hop_ms=20.0)
    plain, counts = encoders.extract_features(config, params, samples, lengths)
    merged, merged_counts = encoders.extract_features(
        dataclasses.replace(config, hop_ms=60.0), params, samples, lengths
    )
    assert merged.dtype == jnp.float16 and merged.shape[1] == -(-plain.shape[1] // 3)
    for values, count, expected, row in zip(merged, merged_counts, plain, counts, strict=True):
        assert int(count) == -(-int(row) // 3) and not np.any(values[int(count) :])
        for k in (0, int(count) - 1):
            part = expected[3 * k : min(3 * k + 3, int(row))].astype(np.float32)
            np.testing.assert_allclose(values[k].astype(np.float32), part.mean(0), rtol=1e-3, atol=2e-3)
    for wrong in (50.0, 10.0):
        with pytest.raises(UsageError, match="a multiple of 20, as whisper_tiny_en has, found"):
            encoders.encoder_for(dataclasses.replace(config, hop_ms=wrong))


def test_mel_filters_equal_the_published_ones(weights_dir):
    with np.load(weights_dir / "whisper_mel_filters.npz") as published:
        ours = dsp.mel_filters(16_000, 400, 80, 0.0, 8_000.0).T
        np.testing.assert_allclose(ours, published["mel_80"], atol=2e-7)


def test_equals_pytorch_on_random_weights():
    torch = pytest.importorskip("torch", reason="pip install torch transformers")
    reference = pytest.importorskip("transformers.models.whisper.modeling_whisper", reason="pip install transformers")
    shape = reference.WhisperConfig(
        d_model=CHANNELS, encoder_layers=3, encoder_attention_heads=2, encoder_ffn_dim=4 * CHANNELS, num_mel_bins=80
    )
    plain = random_tensors()
    theirs = reference.WhisperEncoder(shape).eval()
    named = {hugging_face(name).removeprefix("encoder."): torch.tensor(values) for name, values in plain.items()}
    missing, unexpected = theirs.load_state_dict(named, strict=False)
    assert set(missing) == {"layer_norm.weight", "layer_norm.bias"} and not unexpected
    mels = np.random.default_rng(1).normal(0.0, 0.5, (1, 3_000, 80)).astype(np.float32)
    with torch.no_grad():
        hidden = theirs(torch.tensor(mels.transpose(0, 2, 1)), output_hidden_states=True).hidden_states
    module = whisper.Whisper(CHANNELS, (0, 1, 2))
    params = whisper.params(tensors.Tensors("random", plain), (2,))
    ours, _ = jax.jit(module.apply)({"params": params}, mels, jnp.ones((1, 3_000), bool))
    for k in range(3):
        assert_close(ours[:, :, k], hidden[k].numpy(), 3e-6)


def test_real_weights_give_the_stored_outputs(weights_dir, ravdess_dir):
    """Outputs of another implementation, named in the file, on 30 s, where padding and floors agree."""
    stored = json.loads(pathlib.Path(__file__).with_name("whisper_tiny_en.json").read_text())
    clip, _ = soundfile.read(ravdess_dir / "Actor_01/03-01-05-02-01-01-01.flac", dtype="float32")  # with its offset
    samples, lengths = np.pad(clip, (0, 480_000 - len(clip)))[None], np.array([480_000], np.int32)
    mels, _ = whisper_input.log_mels(samples, lengths)
    places = np.array(stored["positions"])
    np.testing.assert_allclose(mels[0, places][:, np.array([0, 20, 40, 79])], stored["mel"], atol=2e-3)
    weights = tensors.read(weights_dir / "whisper_tiny_en_encoder_f16.npz")
    outputs, _ = ENCODE((1, 2, 3), whisper.params(weights, (3,)), samples, lengths)
    chosen = np.moveaxis(np.asarray(outputs[0]), 1, 0)[:, places][:, :, np.array(stored["channels"])]
    np.testing.assert_allclose(chosen, stored["values"], atol=5e-3)
    np.testing.assert_allclose(np.abs(np.asarray(outputs[0])).mean((0, 2)), stored["mean_abs"], rtol=1e-3)
