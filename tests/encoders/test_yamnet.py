"""YAMNet: against a plain forward pass in NumPy, on its real weights and a real clip; padding and errors."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from voxjax.audio import io
from voxjax.encoders import tensors, yamnet, yamnet_input
from voxjax.errors import UsageError, VoxJaxError

ENCODE = jax.jit(yamnet.apply, static_argnums=0)


@pytest.fixture(scope="module")
def weights(weights_dir):
    return tensors.read(weights_dir / "yamnet_deq_f32.npz")


@pytest.fixture(scope="module")
def clip(ravdess_dir):
    return io.read(ravdess_dir / "Actor_05/03-01-05-02-01-01-05.flac", 16_000)


def plain_patches(samples):
    """Frame by frame in double precision, with HTK's triangles computed one by one."""
    count = 1 + max(0, -(-(len(samples) - 15_600) // 7_680))
    samples = np.pad(samples.astype(np.float64), (0, 15_600 + 7_680 * (count - 1) - len(samples)))
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 400)
    frames = np.stack([samples[t : t + 400] * window for t in range(0, len(samples) - 399, 160)])
    power = np.abs(np.fft.rfft(frames, 512))
    mel = 1_127 * np.log(1 + np.arange(257) * 31.25 / 700)
    edges = np.linspace(1_127 * np.log(1 + 125 / 700), 1_127 * np.log(1 + 7_500 / 700), 66)
    bands = [np.interp(mel, edges[k : k + 3], [0, 1, 0], left=0, right=0) for k in range(64)]
    levels = np.log(power @ np.array(bands).T + 0.001)
    return np.stack([levels[48 * p : 48 * p + 96] for p in range(count)])


def plain_convolution(x, kernel, bias, stride, each):
    """SAME padding, the extra pixel at the end: a sum over the positions of the kernel."""
    size = kernel.shape[0]
    out = [-(-n // stride) for n in x.shape[:2]]
    total = [max(0, (o - 1) * stride + size - n) for o, n in zip(out, x.shape[:2], strict=True)]
    x = np.pad(x, (*((t // 2, t - t // 2) for t in total), (0, 0)))
    y = bias.astype(np.float64)
    for i in range(size):
        for j in range(size):
            part = x[i : i + stride * out[0] : stride, j : j + stride * out[1] : stride][: out[0], : out[1]]
            y = y + (part * kernel[i, j, 0] if each else part @ kernel[i, j])
    return np.maximum(y, 0)


def test_equals_a_plain_forward_pass_on_real_weights_and_recognises_speech(weights, clip):
    samples = jnp.asarray(clip[None])
    lengths = jnp.array([len(clip)], jnp.int32)
    patches, mask = yamnet_input.patches(samples, lengths)
    expected = plain_patches(clip)
    assert patches.shape[1] == len(expected) and bool(mask.all())
    np.testing.assert_allclose(patches[0], expected, atol=2e-3)

    strides = (2, 1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1)
    x = expected[1][..., None]
    for i, stride in enumerate(strides, 1):
        for part, step in (("conv", stride),) if i == 1 else (("depthwise", stride), ("pointwise", 1)):
            kernel = weights.take(f"layer{i}/{part}/kernel", (None,) * 4)
            x = plain_convolution(x, kernel, weights.take(f"layer{i}/{part}/bias", (None,)), step, part == "depthwise")
    outputs, _ = ENCODE((14,), yamnet.params(weights, (14,)), samples, lengths)
    np.testing.assert_allclose(outputs[0, 1, 0], x.mean((0, 1)), atol=2e-3, rtol=1e-3)
    likely = np.asarray(yamnet.class_probabilities(weights, outputs[0, :, 0]))
    assert likely.shape[1] == 521 and likely.mean(0).argmax() == 0, "the first class is speech"


def test_padding_and_other_clips_do_not_change_a_patch(weights, clip):
    params = yamnet.params(weights, (5,))
    short = clip[20_000:45_000]
    both = np.stack([clip, np.pad(short, (0, len(clip) - len(short)), constant_values=0.3)])
    together, masks = ENCODE((5,), params, jnp.asarray(both), jnp.array([len(clip), len(short)], jnp.int32))
    alone, mask = ENCODE((5,), params, jnp.asarray(short[None]), jnp.array([len(short)], jnp.int32))
    count = int(mask.sum())
    assert masks.sum(1).tolist() == [masks.shape[1], count] and count == 3
    np.testing.assert_allclose(together[1, :count], alone[0], atol=1e-4)
    assert not np.any(together[1, count:]) and alone.shape[2:] == (1, 256)


def test_layers_are_chosen_one_at_a_time(weights):
    for blocks in ((), (1, 2), (15,)):
        with pytest.raises(UsageError, match="one layer from 1 to 14"):
            yamnet.params(weights, blocks)
    with pytest.raises(VoxJaxError, match=r"a tensor layer1/conv/kernel"):
        yamnet.params(tensors.Tensors("other", {"x": np.ones(3)}), (2,))
