"""The input of wav2vec 2.0, HuBERT and WavLM: normalised clips, and their number of frames."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from voxjax.encoders.wav2vec2_config import Config

_VARIANCE_FLOOR = 1e-7  # the reference's, so that silence stays silence


def field_samples(config: Config) -> int:
    """Receptive field of one frame in samples: 400 (25 ms) in all published models."""
    field = 1
    for kernel, stride in zip(config.conv_kernel[::-1], config.conv_stride[::-1], strict=True):
        field = (field - 1) * stride + kernel
    return field


def frames(config: Config, lengths: Int[Array | np.ndarray, " B"]) -> list[Int[Array, " B"]]:
    """The number of frames of each clip after each convolution: int32 `[B]` each.

    A clip shorter than one frame's receptive field has one frame; its rest is silence.
    """
    counts = [jnp.maximum(lengths, field_samples(config))]
    for kernel, stride in zip(config.conv_kernel, config.conv_stride, strict=True):
        counts.append((counts[-1] - kernel) // stride + 1)
    return counts[1:]


def within(size: int, counts: Int[Array | np.ndarray, " B"]) -> Bool[Array, "B {size}"]:
    """True at each clip's valid positions: bool `[B, size]`."""
    return jnp.arange(size)[None, :] < counts[:, None]


def prepared(
    config: Config, samples: Float[Array | np.ndarray, "B time"], lengths: Int[Array | np.ndarray, " B"]
) -> Float[Array, "B padded"]:
    """The samples as the first convolution takes them.

    Args:
        config: its `do_normalize` decides whether each clip is brought to zero mean and unit variance.
        samples: float32 `[B, time]` at 16 kHz.
        lengths: int32 `[B]`, in samples.

    Returns:
        float32 `[B, max(time, field)]`, zero beyond each clip. Only a clip's own samples determine its level.
    """
    mask = within(samples.shape[1], lengths)
    samples = jnp.where(mask, samples, 0.0)
    if config.do_normalize:
        count = jnp.maximum(lengths, 1).astype(samples.dtype)[:, None]
        centred = jnp.where(mask, samples - jnp.sum(samples, axis=1, keepdims=True) / count, 0.0)
        variance = jnp.sum(jnp.square(centred), axis=1, keepdims=True) / count
        samples = centred / jnp.sqrt(variance + _VARIANCE_FLOOR)
    missing = max(0, field_samples(config) - samples.shape[1])
    return jnp.pad(samples, ((0, 0), (0, missing)))
