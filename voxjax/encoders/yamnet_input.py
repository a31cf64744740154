"""YAMNet's front end: patches of 96 log-mel frames, 0.48 s from one to the next."""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from voxjax.audio import dsp

Array = jax.Array

RATE_HZ = 16_000
MELS = 64
PATCH = 96  # frames
_PATCH_HOP = 48  # frames
_WINDOW, _HOP, _FFT = 400, 160, 512  # samples: 25 and 10 ms
_LOW_HZ, _HIGH_HZ = 125.0, 7_500.0
_OFFSET = 0.001  # added before the logarithm
_FIRST = (PATCH - 1) * _HOP + _WINDOW  # samples that the first patch spans
_STEP = _PATCH_HOP * _HOP  # samples that each further one adds


def patches(samples: Array, lengths: Array) -> tuple[Array, Array]:
    """What YAMNet's first layer sees. The last patch is filled up with silence.

    Args:
        samples: float32 `[batch, time]` at 16 kHz, in [-1, 1].
        lengths: int32 `[batch]`, in samples.

    Returns:
        float32 `[batch, patches, 96, 64]`, and bool `[batch, patches]`, true where a patch holds some of its clip.
    """
    count = 1 + -(-max(0, samples.shape[1] - _FIRST) // _STEP)
    inside = jnp.arange(samples.shape[1])[None, :] < lengths[:, None]
    room = _FIRST + (count - 1) * _STEP - samples.shape[1]
    padded = jnp.pad(jnp.where(inside, samples, 0.0), ((0, 0), (0, max(0, room))))
    own = 1 + -(-jnp.maximum(0, lengths - _FIRST) // _STEP)
    return jax.vmap(functools.partial(_one, count))(padded), jnp.arange(count)[None, :] < own[:, None]


def _one(count: int, samples: Array) -> Array:
    frames = PATCH + (count - 1) * _PATCH_HOP
    blocks = -(-_WINDOW // _HOP)
    hops = jnp.pad(samples, (0, blocks * _HOP))[: (frames + blocks - 1) * _HOP].reshape(-1, _HOP)
    windows = jnp.concatenate([hops[i : i + frames] for i in range(blocks)], axis=-1)[:, :_WINDOW]
    spectrum = jnp.abs(jnp.fft.rfft(windows * dsp.hann(_WINDOW)[None], _FFT))
    levels = jnp.log(dsp.project(spectrum, _filters()) + _OFFSET)  # [frames, 64]
    return jnp.stack([levels[p * _PATCH_HOP : p * _PATCH_HOP + PATCH] for p in range(count)])


@functools.cache
def _filters() -> np.ndarray:
    """Triangles along HTK's mel scale, of height 1; the bin at 0 Hz is in none: float32 `[257, 64]`."""
    bins = _mel(np.linspace(0.0, RATE_HZ / 2, _FFT // 2 + 1))[:, None]
    low_mel, high_mel = _mel(np.array([_LOW_HZ, _HIGH_HZ]))
    corners = np.linspace(low_mel, high_mel, MELS + 2)
    low, centre, high = corners[:-2][None], corners[1:-1][None], corners[2:][None]
    triangles = np.maximum(0.0, np.minimum((bins - low) / (centre - low), (high - bins) / (high - centre)))
    triangles[0] = 0.0
    return triangles.astype(np.float32)


def _mel(hz: np.ndarray) -> np.ndarray:
    return 1_127.0 * np.log1p(hz / 700.0)
