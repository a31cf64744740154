"""Small JAX programs as ONNX, run by ONNX Runtime at several lengths and compared with JAX."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import export, lax

from voxjax.errors import VoxJaxError

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

from voxjax.deploy import jaxpr_to_onnx  # noqa: E402  it needs onnx

LENGTHS = (24, 31, 40)
WEIGHTS = np.random.default_rng(1).normal(size=(4, 6)).astype(np.float32)
KERNEL = np.random.default_rng(2).normal(size=(3, 2, 5)).astype(np.float32)
SEQUENCES = np.random.default_rng(3).normal(size=(2, 5, 3, 4)).astype(np.float32)


def in_rows(x, width=8):
    """[time] to [time / width rounded up, width], padded with zeros."""
    rows = -(-x.shape[0] // width)
    return jnp.pad(x, (0, rows * width - x.shape[0])).reshape(rows, width)


def scanned(x, reverse):
    """A running sum that forgets, over columns: a carry, weights from outside, and outputs."""
    start = jnp.zeros((in_rows(x).shape[0], 1))

    def step(carry, column):
        carry = jnp.tanh(carry * WEIGHTS[0, 0] + column)
        return carry, carry * 2.0

    last, every = lax.scan(step, start, in_rows(x).T[..., None], reverse=reverse)
    return jnp.concatenate([last[None], every])


def convolved(x, stride, dilation):
    rows = in_rows(x).reshape(-1, 4, 2)
    numbers = ("NWC", "WIO", "NWC")
    return lax.conv_general_dilated(rows, KERNEL, (stride,), [(1, 2)], None, (dilation,), numbers)


PROGRAMS = {
    "arithmetic": lambda x: jnp.where(x > 0, jnp.exp(-x) / 2 + lax.rsqrt(x * x + 1), jnp.abs(x) ** 3),
    "functions": lambda x: jnp.stack([jnp.tanh(x), lax.logistic(x), lax.erf(x), lax.erfc(x), jnp.sin(x), jnp.sign(x)]),
    "limits": lambda x: jnp.clip(jnp.floor(x * 3), -1, 2) + jnp.minimum(x, 0.5) + jnp.isfinite(1 / (x - x)),
    "integers": lambda x: lax.rem(jnp.arange(x.shape[0], dtype=jnp.int32) - 7, jnp.int32(5)) // jnp.int32(2),
    "sizes": lambda x: jnp.full((2,), x.shape[0] // 7 + (x.shape[0] + 5) % 3, jnp.int32),
    "masks": lambda x: jnp.where(in_rows(x).any(axis=1) & ~(in_rows(x) > 1).all(axis=1), 1.0, 2.0),
    "select masks": lambda x: lax.select_n(x > 0, x > -1, x < 1),
    "pad masks": lambda x: jnp.pad(x > 0, (2, 3)),
    "reductions": lambda x: jnp.stack([x.sum(), x.max(), x.min(), (in_rows(x) * 0.1 + 1).prod(), x.mean()]),
    "places": lambda x: jnp.argmax(in_rows(x), axis=0) + 10 * jnp.argmin(in_rows(x), axis=0),
    "padding": lambda x: jnp.pad(in_rows(x), ((1, 0), (2, 3)), constant_values=2.0),
    "parts": lambda x: jnp.concatenate([x[3:-4], x[::-1], x[1:20:3], *jnp.split(x[:12], 3)]),
    "order": lambda x: in_rows(x).reshape(-1, 2, 4).transpose(2, 0, 1).reshape(4, -1, 1, 2).squeeze(axis=2)[:, :, 0],
    "broadcast": lambda x: (in_rows(x)[:, None, :] + jnp.ones((1, 3, 1))).reshape(-1, 24),
    "broadcast, then product": lambda x: jnp.broadcast_to(in_rows(x)[:, :1], (in_rows(x).shape[0], 4)) @ WEIGHTS,
    "rows": lambda x: in_rows(x)[:, jnp.array([3, 1, 1])],
    "every second": lambda x: in_rows(x)[:, ::2],
    "by computed index": lambda x: jnp.take(x, jnp.arange(9)[:, None] * x.shape[0] // 9, mode="clip"),
    "first and last": lambda x: jnp.stack([in_rows(x)[0, 2], x[0], x[-1], in_rows(x)[-2, -1]]),
    "clipped index": lambda x: jnp.take(x, jnp.arange(-4, 50), mode="clip"),
    "filled index": lambda x: jnp.take(x, jnp.arange(45) + jnp.asarray(x.shape[0] - 35), mode="fill"),
    "along an axis": lambda x: jnp.take_along_axis(in_rows(x), jnp.argmax(in_rows(x), axis=1)[:, None], axis=1),
    "product": lambda x: in_rows(x, 4) @ WEIGHTS,
    "batched product": lambda x: jnp.einsum("abch,adch->acbd", SEQUENCES, SEQUENCES) * x[0],
    "attention": lambda x: jnp.einsum("btd,bsd->bst", in_rows(x).reshape(-1, 4, 2), in_rows(x).reshape(-1, 4, 2) + 1),
    "product over two axes": lambda x: jnp.einsum(
        "abc,dbc->ad", in_rows(x).reshape(-1, 4, 2), SEQUENCES[0, :, :2, :].transpose(0, 2, 1)
    ),
    "product without free axes": lambda x: jnp.einsum("ab,ab->a", in_rows(x), in_rows(x) + 1),
    "convolution": lambda x: convolved(x, 1, 1),
    "strided convolution": lambda x: convolved(x, 2, 1),
    "dilated convolution": lambda x: convolved(x, 1, 2),
    "spectrum of 8": lambda x: jnp.stack([f(jnp.fft.rfft(in_rows(x))) for f in (jnp.real, jnp.imag)]),
    "spectrum of 7": lambda x: jnp.stack([f(jnp.fft.rfft(in_rows(x, 7))) for f in (jnp.real, jnp.imag)]),
    "spectrum of 12, padded": lambda x: jnp.stack([f(jnp.fft.rfft(in_rows(x), 12)) for f in (jnp.real, jnp.imag)]),
    "signal of a power": lambda x: jnp.fft.irfft(in_rows(x, 7), 12),
    "scan": lambda x: scanned(x, False),
    "reversed scan": lambda x: scanned(x, True),
    "half precision": lambda x: jnp.asarray(np.full((200, 100), 0.1, np.float16)).astype(jnp.float32).sum() * x,
    "call": lambda x: jax.nn.relu(jax.jit(jnp.cos)(x)) + jax.nn.gelu(x) + lax.stop_gradient(x),
}


def converted(function):
    (time,) = export.symbolic_shape("time", constraints=["time >= 24"])
    program = jax.jit(function).trace(jax.ShapeDtypeStruct((time,), jnp.float32)).jaxpr
    return jaxpr_to_onnx.model(program, "x", "y")


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_gives_the_numbers_of_jax_at_every_length(name):
    with jax.numpy_rank_promotion("allow"), jax.numpy_dtype_promotion("standard"):
        model = converted(PROGRAMS[name])
        onnx.checker.check_model(model, full_check=True)
        session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
        for length in LENGTHS:
            x = np.random.default_rng(length).normal(size=length).astype(np.float32)
            (found,), wanted = session.run(None, {"x": x}), np.asarray(PROGRAMS[name](jnp.asarray(x)))
            assert found.dtype == wanted.dtype
            np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-5)


def test_half_precision_weights_stay_halved():
    assert len(converted(PROGRAMS["half precision"]).SerializeToString()) < 45_000


def beyond(x):
    return jnp.take(in_rows(x), jnp.array([2]), axis=0, mode="fill")


@pytest.mark.parametrize(
    ("function", "found"),
    [(jnp.sort, "sort"), (beyond, "gather with indices that may be out of bounds")],
)
def test_an_operation_without_a_rule_gives_one_line(function, found):
    line = f"ONNX: expected operations that it has, found {found}; use --format=stablehlo"
    with pytest.raises(VoxJaxError, match=f"^{re.escape(line)}$"):
        converted(function)
