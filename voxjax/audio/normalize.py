"""Standardised features: a scaler fitted to training clips, and subtraction of each clip's mean spectrum."""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from voxjax.audio.features import channel_spans
from voxjax.config import Centred, FeatureConfig, FrameFeatures

_BLOCK = 2**24  # numbers that are summed at once, in double precision, which takes four times the memory of half


class Scaler(NamedTuple):
    """`mean` and `std`, float32 `[positions, channels]`; positions is 1 for statistics over time."""

    mean: Array | np.ndarray
    std: Array | np.ndarray


def fit(features: Float[np.ndarray, "clips T C"], lengths: Int[np.ndarray, " clips"], over_time: int) -> Scaler:
    """Fits to training clips.

    Args:
        features: `[clips, time, channels]`, of training clips only.
        lengths: `[clips]`, valid positions of each.
        over_time: 1 for statistics over time (`frames`), 0 for each position's own (`vector`).

    Returns:
        The scaler, computed in float64. A constant channel keeps a deviation of 1.
    """
    valid = (np.arange(features.shape[1])[None, :] < lengths[:, None])[..., None]
    # Single channels would be summed in another order, so that their last bits differed.
    blocks = max(1, min(-(-features.size // _BLOCK), features.shape[2] // 2))
    parts = [_moments(part, valid, over_time) for part in np.array_split(features, blocks, axis=2)]
    mean, std = (np.concatenate(moment, axis=1) for moment in zip(*parts, strict=True))
    return Scaler(mean.astype(np.float32), std.astype(np.float32))


def _moments(
    features: Float[np.ndarray, "clips T C"], valid: Bool[np.ndarray, "clips T 1"], over_time: int
) -> tuple[Float[np.ndarray, "P C"], Float[np.ndarray, "P C"]]:
    """Mean and deviation, float64, of some channels; P is 1 for statistics over time."""
    axes = (0, 1) if over_time else (0,)
    count = np.maximum(valid.sum(axes), 1)
    values = np.where(valid, features, 0).astype(np.float64)
    mean = values.sum(axes) / count
    square = np.square(values, out=values).sum(axes) / count
    std = np.sqrt(np.maximum(square - np.square(mean), 0.0))
    std = np.where(std < 1e-6 * np.maximum(1.0, np.abs(mean)), 1.0, std)
    return (mean[None], std[None]) if over_time else (mean, std)


def apply(
    config: FeatureConfig, scaler: Scaler, features: Float[Array, "*batch T C"], mask: Bool[Array, "*batch T"]
) -> Float[Array, "*batch T C"]:
    """Standardises, and sets padding to zero: `[..., time, channels]` with `mask [..., time]`.

    With `config.centre="clip"` log-mels, MFCCs and encoder outputs then lose their mean over the clip, which is the
    long-term spectrum of voice and microphone (Atal 1974). The energy channel, if present, keeps the level.
    With "speaker" the scaler holds the speaker's own mean (`speaker_centring`), or the corpus's for a stranger.
    With "none" features are unchanged, as an encoder's own blocks need them.
    """
    centre = config.centre if isinstance(config, Centred) else "corpus"
    if centre == "none":
        return jnp.where(mask[..., None], features, 0.0)
    values = standardised(scaler, features, mask)
    if centre in ("corpus", "speaker"):
        return values
    count = jnp.maximum(jnp.sum(mask, axis=-1), 1).astype(values.dtype)[..., None, None]
    own = jnp.sum(values, axis=-2, keepdims=True) / count  # [..., 1, channels]
    own = own * _spectral(config, values.shape[-1]).reshape((1,) * (values.ndim - 1) + (-1,))
    return jnp.where(mask[..., None], values - own, 0.0)


def standardised(
    scaler: Scaler, features: Float[Array, "*batch T C"], mask: Bool[Array, "*batch T"]
) -> Float[Array, "*batch T C"]:
    """Features standardised by the scaler alone, zero in padding: `[..., time, channels]` with `mask [..., time]`."""
    lead = (1,) * (features.ndim - 2)
    mean, std = (jnp.reshape(part, (*lead, *part.shape)) for part in scaler)
    return jnp.where(mask[..., None], (features - mean) / std, 0.0)


def _spectral(config: FeatureConfig, channels: int) -> Float[np.ndarray, " {channels}"]:
    """1 for channels of a spectrum or an encoder, 0 for the rest: float32 `[channels]`."""
    if not isinstance(config, FrameFeatures):
        return np.ones(channels, np.float32)
    spans = channel_spans(config)
    flags = np.zeros(channels, np.float32)
    for name in spans.keys() & {"logmel", "mfcc"}:
        flags[slice(*spans[name])] = 1.0
    return flags
