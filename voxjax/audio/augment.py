"""Augmentation inside the compiled step: per-example functions of `(key, strength, clip)`, and mixup.

A clip is `frames [T, C]` in the units of `features` (dB for log-mels) with its number of valid frames
`length`. All strengths are traced, so members of an ensemble may differ in them and a schedule may
raise them from 0, where each function changes nothing.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Key

from voxjax.audio import dsp
from voxjax.audio.features import channel_spans
from voxjax.config import FeatureConfig, FrameFeatures, Hyper

Scalar = Float[Array, ""] | float  # traced where members of an ensemble differ in it
Spans = Mapping[str, tuple[int, int]]

SILENCE_DB = -100.0
_SNR_RANGE_DB = 30.0  # noise is drawn from the lowest ratio up to this much above it


class Clip(NamedTuple):
    """One example: `frames [T, C]` and the number of valid frames."""

    frames: Float[Array, "T C"]
    length: Int[Array, ""]


def time_stretch(key: Key[Array, ""], strength: Scalar, clip: Clip) -> Clip:
    """Changes the tempo by `exp(U(-1, 1) * strength)`, interpolating between frames.

    A slowed clip that is longer than the array is cut at its end.
    """
    size = clip.frames.shape[0]
    rate = jnp.exp(strength * jax.random.uniform(key, minval=-1.0, maxval=1.0))
    last = (clip.length - 1).astype(jnp.float32)
    length = jnp.minimum(jnp.floor(last / rate).astype(jnp.int32) + 1, size)
    return Clip(_interpolate(clip.frames, jnp.arange(size, dtype=jnp.float32) * rate, last), length)


def vtlp(key: Key[Array, ""], strength: Scalar, clip: Clip, spans: Spans, config: FrameFeatures) -> Clip:
    """Scales the frequency axis of the log-mels by `exp(U(-1, 1) * strength)`, as a vocal tract of
    another length would (VTLP, Jaitly and Hinton 2013). Pitch moves with it."""
    ratio = strength * jax.random.uniform(key, minval=-1.0, maxval=1.0)
    frames = clip.frames
    if "logmel" in spans:
        first, end = spans["logmel"]
        low, high = (float(dsp.hz_to_mel(hz)) for hz in (config.mel_low_hz, config.mel_high_hz))
        mel = np.linspace(0.0, 2.0 * high, 512)  # a table for the conversion from Hz back to mel
        centres_hz = dsp.mel_to_hz(np.linspace(low, high, config.mels + 2)[1:-1])
        warped_hz = jnp.asarray(centres_hz, jnp.float32) * jnp.exp(ratio)
        source = jnp.interp(warped_hz, dsp.mel_to_hz(mel).astype(np.float32), mel.astype(np.float32))
        bins = (source - low) / (high - low) * (config.mels + 1) - 1.0
        warped = _interpolate(frames[:, first:end].T, bins, jnp.float32(config.mels - 1)).T
        frames = frames.at[:, first:end].set(warped)
    if "pitch" in spans:
        first = spans["pitch"][0]
        voiced = (frames[:, first] != 0.0).astype(jnp.float32)
        frames = frames.at[:, first].add(-ratio / jnp.log(2.0) * voiced)
    return Clip(frames, clip.length)


def gain(key: Key[Array, ""], strength_db: Scalar, clip: Clip, spans: Spans) -> Clip:
    """Adds `U(-strength, strength)` dB to every level: log-mels and energy."""
    change_db = strength_db * jax.random.uniform(key, minval=-1.0, maxval=1.0)
    return Clip(clip.frames + change_db * _levels(clip, spans)[None, :], clip.length)


def noise(key: Key[Array, ""], probability: Scalar, snr_db: Scalar, clip: Clip, spans: Spans) -> Clip:
    """Adds a steady noise of random level and tilt to the log-mels of a fraction `probability` of the clips.

    Its level is `snr_db` to `snr_db + 30` dB below the clip's mean power, its spectrum falls or
    rises by up to 10 dB over the bands. Powers are added, as those of uncorrelated signals.
    """
    if "logmel" not in spans:
        return clip
    first, end = spans["logmel"]
    coin, level, tilt = jax.random.uniform(key, (3,))
    level_db = clip.frames[:, first:end]
    valid = (jnp.arange(level_db.shape[0]) < clip.length)[:, None]
    power = jnp.where(valid, jnp.exp(_NEPER * level_db), 0.0)
    mean_db = dsp.power_to_db(jnp.sum(power) / (clip.length * (end - first)).astype(jnp.float32))
    # In NumPy: compiled constants would be rounded differently for one member and for several.
    slope_db = 20.0 * (tilt - 0.5) * np.linspace(-1.0, 1.0, end - first, dtype=np.float32)
    noise_db = mean_db - snr_db - _SNR_RANGE_DB * level + slope_db
    noise_db = jnp.where(coin < probability, noise_db, SILENCE_DB)[None, :]
    noisy = jnp.logaddexp(_NEPER * level_db, _NEPER * noise_db) / _NEPER
    noisy = jnp.where(coin < probability, noisy, level_db)
    return Clip(clip.frames.at[:, first:end].set(noisy), clip.length)


def time_shift(key: Key[Array, ""], strength_frames: Scalar, clip: Clip, spans: Spans) -> Clip:
    """Delays the clip by `U(0, strength)` frames of silence; frames beyond the array's end are lost."""
    size = clip.frames.shape[0]
    room = jnp.minimum(strength_frames, (size - clip.length).astype(jnp.float32))
    delay = jnp.floor(jax.random.uniform(key) * (jnp.maximum(room, 0.0) + 1.0)).astype(jnp.int32)
    delay = jnp.minimum(delay, size - clip.length)
    moved = jnp.roll(clip.frames, delay, axis=0)
    silence = SILENCE_DB * _levels(clip, spans)[None, :]
    head = (jnp.arange(size) < delay)[:, None]
    return Clip(jnp.where(head & (strength_frames > 0.0), silence, moved), clip.length + delay)


def mask_bands(
    key: Key[Array, ""],
    widest_fraction: Scalar,
    values: Float[Array, "T C"],
    extent: Int[Array, ""],
    axis: int,
) -> Float[Array, "T C"]:
    """Sets two random bands along an axis to 0, the mean of scaled features (SpecAugment, Park 2019).

    Args:
        key: a PRNG key.
        widest_fraction: the widest band as a fraction of `extent`.
        values: scaled features `[T, C]`.
        extent: valid size of the axis.
        axis: 0 for time, 1 for channels.
    """
    draws = jax.random.uniform(key, (2, 2))
    extent = extent.astype(jnp.float32)
    widths = draws[0] * widest_fraction * extent
    starts = draws[1] * (extent - widths)
    position = jnp.arange(values.shape[axis], dtype=jnp.float32)[:, None]
    masked = jnp.any((position >= starts[None, :]) & (position < (starts + widths)[None, :]), axis=1)
    return jnp.where(masked[:, None] if axis == 0 else masked[None, :], 0.0, values)


def crop(key: Key[Array, ""], size: int, clip: Clip) -> Clip:
    """A random crop of at most `size` frames: `[T, C] -> [min(T, size), C]`."""
    size = min(size, clip.frames.shape[0])
    room = jnp.maximum(clip.length - size, 0)
    start = jnp.floor(jax.random.uniform(key) * (room + 1).astype(jnp.float32)).astype(jnp.int32)
    start = jnp.minimum(start, room)
    return Clip(jax.lax.dynamic_slice_in_dim(clip.frames, start, size), jnp.minimum(clip.length, size))


def distort(
    config: FeatureConfig, key: Key[Array, ""], hyper: Hyper, ramp: Scalar, clip: Clip, longest: int = 0
) -> Clip:
    """All augmentations of unscaled features, in the order speaker, room, recording device.

    `vector` features have no time axis and are returned unchanged. Encoder features are stretched and cropped only, as
    they have no frequency axis. The result has at most `longest` frames; 0 is no limit, and `vector` has none.
    """
    return _DISTORTIONS[config.kind](config, key, hyper, ramp, clip, longest)


def _unchanged(
    config: FeatureConfig, key: Key[Array, ""], hyper: Hyper, ramp: Scalar, clip: Clip, longest: int
) -> Clip:
    del config, key, hyper, ramp, longest
    return clip


def _in_time(config: FeatureConfig, key: Key[Array, ""], hyper: Hyper, ramp: Scalar, clip: Clip, longest: int) -> Clip:
    """Time stretch and crop."""
    del config
    clip = time_stretch(jax.random.fold_in(key, 0), ramp * hyper.time_stretch, clip)
    return crop(jax.random.fold_in(key, 5), longest, clip) if longest else clip


def _in_time_and_bands(
    config: FrameFeatures, key: Key[Array, ""], hyper: Hyper, ramp: Scalar, clip: Clip, longest: int
) -> Clip:
    """Time stretch and crop, VTLP, gain, noise and time shift."""
    spans = channel_spans(config)
    keys = [jax.random.fold_in(key, i) for i in range(5)]
    clip = _in_time(config, key, hyper, ramp, clip, longest)
    clip = vtlp(keys[1], ramp * hyper.vtlp, clip, spans, config)
    clip = gain(keys[2], ramp * hyper.gain_db, clip, spans)
    clip = noise(keys[3], ramp * hyper.noise_probability, hyper.noise_snr_db, clip, spans)
    return time_shift(keys[4], ramp * hyper.time_shift_frames, clip, spans)


_DISTORTIONS: dict[str, Callable[..., Clip]] = {"vector": _unchanged, "encoder": _in_time, "frames": _in_time_and_bands}


def spec_augment(
    key: Key[Array, ""], hyper: Hyper, ramp: Scalar, values: Float[Array, "T C"], length: Int[Array, ""]
) -> Float[Array, "T C"]:
    """SpecAugment on scaled features: two bands of time and two of channels, `[T, C] -> [T, C]`."""
    time_key, channel_key = jax.random.fold_in(key, 0), jax.random.fold_in(key, 1)
    channels = jnp.asarray(values.shape[1])
    values = mask_bands(time_key, ramp * hyper.time_mask_fraction, values, length, 0)
    return mask_bands(channel_key, ramp * hyper.frequency_mask_fraction, values, channels, 1)


class Batch(NamedTuple):
    """Inputs `[B, T, C]`, mask bool `[B, T]` and target probabilities `[B, K]` of a training step.

    For a network that fuses modalities, inputs and mask are dictionaries of such arrays with different T and C.
    """

    inputs: Float[Array, "B T C"] | dict[str, Float[Array, "B _ _"]]
    mask: Bool[Array, "B T"] | dict[str, Bool[Array, "B _"]]
    targets: Float[Array, "B K"]


def mixup(key: Key[Array, ""], alpha: Scalar, probability: Scalar, batch: Batch) -> Batch:
    """Mixes a fraction `probability` of the examples with other examples of the batch (Zhang et al. 2018).

    The only function that uses more than one example of the batch. Weights are Beta(alpha, alpha), the larger kept for
    the example itself. Inputs and targets are mixed in the same way; a position is valid if it is in either example.
    """
    order_key, weight_key, coin_key = (jax.random.fold_in(key, i) for i in range(3))
    size = batch.targets.shape[0]
    partner = jax.random.permutation(order_key, size)
    weight = jax.random.beta(weight_key, jnp.maximum(alpha, 1e-2), jnp.maximum(alpha, 1e-2), (size,))
    mixed = (jax.random.uniform(coin_key, (size,)) < probability) & (alpha > 0.0)
    own = jnp.where(mixed, jnp.maximum(weight, 1.0 - weight), 1.0)

    def blend(x: Array) -> Array:
        weight = own.reshape(-1, *(1,) * (x.ndim - 1))
        return weight * x + (1.0 - weight) * x[partner]

    mask = jax.tree.map(lambda valid: valid | (valid[partner] & mixed[:, None]), batch.mask)
    return Batch(jax.tree.map(blend, batch.inputs), mask, blend(batch.targets))


_NEPER = 0.1 * 2.302585092994046  # decibels of power to natural logarithm


def _interpolate(rows: Float[Array, "N C"], places: Float[Array, " M"], last: Float[Array, ""]) -> Float[Array, "M C"]:
    """Rows at fractional positions, interpolated linearly and clamped to `[0, last]`: `[N, C], [M] -> [M, C]`."""
    places = jnp.clip(places, 0.0, last)
    before = jnp.floor(places).astype(jnp.int32)
    after = jnp.minimum(before + 1, last.astype(jnp.int32))
    part = (places - before.astype(jnp.float32))[:, None]
    return (1.0 - part) * rows[before] + part * rows[after]


def _levels(clip: Clip, spans: Spans) -> Float[Array, " C"]:
    """1 for channels measured in dB, 0 for the rest: `[C]`."""
    flags = jnp.zeros(clip.frames.shape[1])
    for name in set(spans) & {"logmel", "energy"}:
        flags = flags.at[slice(*spans[name])].set(1.0)
    return flags
