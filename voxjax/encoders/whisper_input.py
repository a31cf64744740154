"""Whisper's front end: 80 log-mels at 100 frames a second, each clip's dynamic range cut to 8 decades."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from voxjax.audio import dsp

RATE_HZ = 16_000
MELS = 80
_WINDOW, _HOP = 400, 160  # samples: 25 and 10 ms
_LOWEST_POWER = 1e-10
_DECADES = 8.0  # decades below a clip's loudest band that are kept


def log_mels(
    samples: Float[Array | np.ndarray, "B time"], lengths: Int[Array | np.ndarray, " B"]
) -> tuple[Float[Array, "B frames 80"], Bool[Array, "B frames"]]:
    """The log-mels that Whisper's convolutions take.

    A frame is centred on each hop. The clip is mirrored at both ends, and its loudest band determines the floor,
    so that padding does not change them.

    Args:
        samples: float32 `[B, time]` at 16 kHz, in [-1, 1].
        lengths: int32 `[B]`, in samples.

    Returns:
        float32 `[B, time // 160, 80]`, zero beyond each clip, and bool `[B, time // 160]`, true within.
    """
    return jax.vmap(_one)(samples, lengths)


def _one(
    samples: Float[Array | np.ndarray, " time"], length: Int[Array | np.ndarray, ""]
) -> tuple[Float[Array, "time//160 80"], Bool[Array, " time//160"]]:
    frames = samples.size // _HOP
    mask = jnp.arange(frames) < jnp.maximum(length // _HOP, 1)
    windowed = dsp.frames_from(_mirrored(samples, length), frames, _WINDOW, _HOP) * dsp.hann(_WINDOW)[None]
    spectrum = jnp.fft.rfft(windowed)
    power = jnp.square(spectrum.real) + jnp.square(spectrum.imag)
    mels = dsp.project(power, dsp.mel_filters(RATE_HZ, _WINDOW, MELS, 0.0, RATE_HZ / 2))
    level = jnp.log10(jnp.maximum(mels, _LOWEST_POWER))
    level = dsp.floor_below_peak(level, mask, _DECADES)
    return jnp.where(mask[:, None], (level + 4.0) / 4.0, 0.0), mask


def _mirrored(
    samples: Float[Array | np.ndarray, " time"], length: Int[Array | np.ndarray, ""]
) -> Float[Array, " time+400"]:
    """The clip with half a window of its mirror image at each end: `[time] -> [time + window]`."""
    place = jnp.abs(jnp.arange(samples.size + _WINDOW) - _WINDOW // 2)
    place = jnp.where(place < length, place, 2 * (length - 1) - place)
    return samples[jnp.clip(place, 0, length - 1)]
