"""VGGish on narrow random weights: against a plain forward pass in PyTorch, from both formats; padding and errors."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from voxjax.encoders import tensors, vggish, vggish_input
from voxjax.errors import UsageError, VoxJaxError

ENCODE = jax.jit(vggish.apply, static_argnums=0)
WIDTHS = (3, 4, 5, 6, 7, 8, 11, 10, 9)  # all different, so that a mix-up of axes fails
LAYERS = range(1, len(WIDTHS) + 1)
PUBLISHED = ("conv1", "conv2", "conv3/conv3_1", "conv3/conv3_2", "conv4/conv4_1", "conv4/conv4_2")
PUBLISHED_DENSE = ("fc1/fc1_1", "fc1/fc1_2", "fc2")
PORTED = [f"features.{i}" for i in (0, 3, 6, 8, 11, 13)] + [f"embeddings.{i}" for i in (0, 2, 4)]


def ported():
    """Random weights as the PyTorch port has them, outputs first. Input sizes are listed here."""
    rng = np.random.default_rng(0)
    inputs = [1, 3, 4, 5, 6, 7, 6 * 4 * 8, 11, 10]
    arrays = {}
    for layer, (name, into, out) in enumerate(zip(PORTED, inputs, WIDTHS, strict=True)):
        shape = (out, into, 3, 3) if layer < 6 else (out, into)
        scale = np.sqrt(2.0 / np.prod(shape[1:]))
        arrays[f"{name}.weight"] = rng.normal(scale=scale, size=shape).astype(np.float32)
        arrays[f"{name}.bias"] = rng.normal(scale=0.2, size=out).astype(np.float32)
    return arrays


def published():
    """The same, as the published variables have them, outputs last."""
    arrays = {}
    for name, theirs in zip((*PUBLISHED, *PUBLISHED_DENSE), PORTED, strict=True):
        weight = ported()[f"{theirs}.weight"]
        arrays[f"vggish/{name}/weights"] = np.moveaxis(weight, (0, 1), (-1, -2))
        arrays[f"vggish/{name}/biases"] = ported()[f"{theirs}.bias"]
    return arrays


WEIGHTS = tensors.Tensors("narrow", published())


def clips(*lengths):
    """Noise of different levels, with more noise where padding should be."""
    rng = np.random.default_rng(1)
    batch = rng.normal(scale=0.1, size=(len(lengths), max(lengths))) * np.arange(1, len(lengths) + 1)[:, None]
    return jnp.asarray(batch, jnp.float32), jnp.array(lengths, jnp.int32)


def plain_patches(samples):
    """Frame by frame in double precision, with HTK's triangles computed one by one."""
    count = 1 + max(0, -(-(len(samples) - 15_600) // 15_360))
    samples = np.pad(samples.astype(np.float64), (0, 15_600 + 15_360 * (count - 1) - len(samples)))
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 400)
    frames = np.stack([samples[t : t + 400] * window for t in range(0, len(samples) - 399, 160)])
    mel = 1_127 * np.log(1 + np.arange(257) * 31.25 / 700)
    edges = np.linspace(1_127 * np.log(1 + 125 / 700), 1_127 * np.log(1 + 7_500 / 700), 66)
    bands = [np.interp(mel, edges[k : k + 3], [0, 1, 0], left=0, right=0) for k in range(64)]
    levels = np.log(np.abs(np.fft.rfft(frames, 512)) @ np.array(bands).T + 0.01)
    return levels.reshape(count, 96, 64)


def plain(patches):
    """Each layer's output, in PyTorch and double precision: channels first, and put last before the dense layers."""
    torch = pytest.importorskip("torch")
    functional = torch.nn.functional
    own = {name: torch.from_numpy(values).double() for name, values in ported().items()}
    x = torch.from_numpy(patches)[:, None]
    outputs = []
    for layer, name in enumerate(PORTED, 1):
        weight, bias = own[f"{name}.weight"], own[f"{name}.bias"]
        if layer == 7:
            x = x.permute(0, 2, 3, 1).flatten(1)
            assert x.shape[1] == 6 * 4 * 8
        if layer > 6:
            x = functional.linear(x, weight, bias)
            x = x if layer == 9 else functional.relu(x)
            outputs.append(x)
            continue
        x = functional.relu(functional.conv2d(x, weight, bias, padding=1))
        outputs.append(x.mean((2, 3)))
        x = functional.max_pool2d(x, 2) if layer in (1, 2, 4, 6) else x
    return [output.numpy() for output in outputs]


def test_the_front_end_equals_a_plain_one():
    batch, lengths = clips(40_000)
    patches, mask = vggish_input.patches(batch, lengths)
    expected = plain_patches(np.asarray(batch[0]))
    assert patches.shape == (1, 3, 96, 64) and bool(mask.all())
    np.testing.assert_allclose(patches[0], expected, atol=2e-4)


@pytest.mark.parametrize("layer", LAYERS)
def test_each_layer_equals_a_plain_forward_pass(layer):
    batch, lengths = clips(40_000)
    expected = plain(plain_patches(np.asarray(batch[0])))[layer - 1]
    outputs, _ = ENCODE((layer,), vggish.params(WEIGHTS, (layer,)), batch, lengths)
    assert outputs.shape == (1, 3, 1, WIDTHS[layer - 1])
    np.testing.assert_allclose(outputs[0, :, 0], expected, atol=1e-4)
    assert layer < 9 or np.any(expected < 0), "the embedding has no activation"


@pytest.mark.parametrize("layer", [3, 9])
def test_both_formats_give_the_same_network(layer, tmp_path):
    safetensors = pytest.importorskip("safetensors.numpy")
    np.savez(tmp_path / "vggish.npz", **published())
    safetensors.save_file(ported(), tmp_path / "vggish.safetensors")
    one, other = (vggish.params(tensors.read(tmp_path / f"vggish{end}"), (layer,)) for end in (".npz", ".safetensors"))
    jax.tree.map(np.testing.assert_array_equal, one, other)
    assert list(one)[-1] == {3: "conv3_1", 9: "fc2"}[layer]


def test_padding_and_other_clips_do_not_change_a_patch():
    params = vggish.params(WEIGHTS, (9,))
    batch, lengths = clips(40_000, 16_000, 4_000)
    together, mask = ENCODE((9,), params, batch, lengths)
    assert mask.sum(1).tolist() == [3, 2, 1], "the shortest clip has one patch"
    for i, length in enumerate(lengths.tolist()):
        count = int(mask[i].sum())
        alone, _ = ENCODE((9,), params, batch[i : i + 1, :length], lengths[i : i + 1])
        np.testing.assert_allclose(together[i, :count], alone[0], atol=1e-5)
        assert alone.shape[1] == count and not np.any(together[i, count:])
    turned, _ = ENCODE((9,), params, batch[::-1], lengths[::-1])
    np.testing.assert_allclose(turned, together[::-1], atol=1e-5)


@pytest.mark.parametrize("layer", [2, 9])
def test_compiled_equals_eager(layer):
    params = vggish.params(WEIGHTS, (layer,))
    batch, lengths = clips(20_000, 9_000)
    for one, other in zip(
        ENCODE((layer,), params, batch, lengths), vggish.apply((layer,), params, batch, lengths), strict=True
    ):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_layers_are_chosen_one_at_a_time():
    for blocks in ((), (1, 2), (0,), (10,)):
        with pytest.raises(UsageError, match="VGGish: expected one layer from 1 to 9"):
            vggish.params(WEIGHTS, blocks)


@pytest.mark.parametrize(
    ("name", "shape", "said"),
    [
        ("vggish/conv2/weights", None, r"a tensor vggish/conv2/weights, found 17 others"),
        ("vggish/conv1/weights", (3, 3, 2, 3), r"conv1/weights: expected a shape of 3x3x1xany, found 3x3x2x3"),
        ("vggish/conv4/conv4_2/biases", (7,), r"conv4_2/biases: expected a shape of 8, found 7"),
        ("vggish/fc1/fc1_1/weights", (6 * 4 * 7, 11), r"fc1_1/weights: expected a shape of 192xany, found 168x11"),
    ],
)
def test_weights_of_another_network_are_errors(name, shape, said):
    arrays = published()
    del arrays[name]
    arrays |= {name: np.ones(shape, np.float32)} if shape else {}
    with pytest.raises(VoxJaxError, match=said):
        vggish.params(tensors.Tensors("other", arrays), (9,))


def test_weights_of_the_port_are_checked_too():
    arrays = ported()
    arrays["embeddings.0.weight"] = arrays["embeddings.0.weight"][:, :-1]
    with pytest.raises(VoxJaxError, match=r"embeddings\.0\.weight: expected a shape of anyx192, found 11x191"):
        vggish.params(tensors.Tensors("other", arrays), (7,))
