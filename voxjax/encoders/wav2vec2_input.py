"""The input of wav2vec 2.0, HuBERT and WavLM: normalised clips, and their number of frames."""

import jax
import jax.numpy as jnp

from voxjax.encoders.wav2vec2_config import Config

Array = jax.Array

_VARIANCE_FLOOR = 1e-7  # the reference's, so that silence stays silence


def field_samples(config: Config) -> int:
    """Receptive field of one frame in samples: 400 (25 ms) in all published models."""
    field = 1
    for kernel, stride in zip(config.conv_kernel[::-1], config.conv_stride[::-1], strict=True):
        field = (field - 1) * stride + kernel
    return field


def frames(config: Config, lengths: Array) -> list[Array]:
    """The number of frames of each clip after each convolution: int32 `[batch]` each.

    A clip shorter than one frame's receptive field has one frame; its rest is silence.
    """
    counts = [jnp.maximum(lengths, field_samples(config))]
    for kernel, stride in zip(config.conv_kernel, config.conv_stride, strict=True):
        counts.append((counts[-1] - kernel) // stride + 1)
    return counts[1:]


def within(size: int, counts: Array) -> Array:
    """True at each clip's valid positions: bool `[batch, size]`."""
    return jnp.arange(size)[None, :] < counts[:, None]


def prepared(config: Config, samples: Array, lengths: Array) -> Array:
    """The samples as the first convolution takes them.

    Args:
        config: its `do_normalize` decides whether each clip is brought to zero mean and unit variance.
        samples: float32 `[batch, time]` at 16 kHz.
        lengths: int32 `[batch]`, in samples.

    Returns:
        float32 `[batch, max(time, field)]`, zero beyond each clip. Only a clip's own samples determine its level.
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
