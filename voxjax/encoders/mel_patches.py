"""Patches of 96 log-mel frames, the input of networks trained on YouTube audio (Hershey et al. 2017)."""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from voxjax.audio import dsp
from voxjax.errors import UsageError, mismatch

RATE_HZ = 16_000
MELS = 64
PATCH = 96  # frames
_WINDOW, _HOP, _FFT = 400, 160, 512  # samples: 25 and 10 ms
_LOW_HZ, _HIGH_HZ = 125.0, 7_500.0
_FIRST = (PATCH - 1) * _HOP + _WINDOW  # samples that the first patch spans


def cut(
    samples: Float[Array | np.ndarray, "B time"], lengths: Int[Array | np.ndarray, " B"], hop_frames: int, offset: float
) -> tuple[Float[Array, "B P 96 64"], Bool[Array, "B P"]]:
    """Patches of zero-padded clips. The last one is padded with silence, so that a short clip has one, too.

    Args:
        samples: float32 `[B, time]` at 16 kHz, in [-1, 1].
        lengths: int32 `[B]`, in samples.
        hop_frames: frames of 10 ms from one patch to the next.
        offset: added to the mel magnitudes before the logarithm.

    Returns:
        float32 `[B, P, 96, 64]`, and bool `[B, P]`, true where a patch holds some of its clip.
    """
    step = hop_frames * _HOP  # samples that each further patch adds
    count = 1 + -(-max(0, samples.shape[1] - _FIRST) // step)
    inside = jnp.arange(samples.shape[1])[None, :] < lengths[:, None]
    room = _FIRST + (count - 1) * step - samples.shape[1]
    padded = jnp.pad(jnp.where(inside, samples, 0.0), ((0, 0), (0, max(0, room))))
    own = 1 + -(-jnp.maximum(0, lengths - _FIRST) // step)
    levels = jax.vmap(functools.partial(_levels, PATCH + (count - 1) * hop_frames, offset))(padded)
    starts = range(0, count * hop_frames, hop_frames)
    made = jnp.stack([levels[:, start : start + PATCH] for start in starts], axis=1)
    return made, jnp.arange(count)[None, :] < own[:, None]


def each(
    patches: Float[Array, "B P 96 64"], mask: Bool[Array, "B P"], network: Callable[[Array], Any]
) -> Float[Array, "B P 1 C"]:
    """A network's output for each patch, zero where `mask` is false.

    Args:
        patches, mask: as `cut` gives them.
        network: from `[patches, 96, 64]` to `[patches, C]`.

    Returns:
        float32 `[B, P, 1, C]`.
    """
    outputs = network(patches.reshape(-1, *patches.shape[2:])).reshape(*mask.shape, 1, -1)
    return jnp.where(mask[..., None, None], outputs, 0.0)


def only(encoder: str, layers: int, blocks: Sequence[int]) -> int:
    """The one layer that is chosen.

    Raises:
        UsageError: at no layer, several, or one that the encoder does not have.
    """
    if len(blocks) != 1 or not 1 <= blocks[0] <= layers:
        found = ", ".join(map(str, blocks)) or "none"
        do = f"choose one, as config.features.blocks=({layers},): layers differ in their channels"
        raise UsageError(mismatch(encoder, f"one layer from 1 to {layers}", found, do))
    return blocks[0]


def _levels(frames: int, offset: float, samples: Float[Array, " time"]) -> Float[Array, "{frames} 64"]:
    """Log-mels of one clip's frames, uncentred: `[time] -> [frames, 64]`."""
    windows = dsp.frames_from(samples, frames, _WINDOW, _HOP)
    spectrum = jnp.abs(jnp.fft.rfft(windows * dsp.hann(_WINDOW)[None], _FFT))
    return jnp.log(dsp.project(spectrum, _filters()) + offset)


@functools.cache
def _filters() -> Float[np.ndarray, "bins 64"]:
    """Triangles along HTK's mel scale, of height 1; the bin at 0 Hz is in none: float32 `[257, 64]`."""
    bins = _mel(np.linspace(0.0, RATE_HZ / 2, _FFT // 2 + 1))[:, None]
    low_mel, high_mel = _mel(np.array([_LOW_HZ, _HIGH_HZ]))
    corners = np.linspace(low_mel, high_mel, MELS + 2)
    low, centre, high = corners[:-2][None], corners[1:-1][None], corners[2:][None]
    triangles = np.maximum(0.0, np.minimum((bins - low) / (centre - low), (high - bins) / (high - centre)))
    triangles[0] = 0.0
    return triangles.astype(np.float32)


def _mel(hz: Float[np.ndarray, " N"]) -> Float[np.ndarray, " N"]:
    return 1_127.0 * np.log1p(hz / 700.0)
