"""Augmentation inside the compiled step: per-example functions of `(draw, strength, clip)`, and mixup.

A draw is a uniform number in [0, 1). `draws` makes those of a whole batch in one call of the generator, which compiles
far quicker than a key for each purpose. A clip is `frames [T, C]` in the units of `features` (dB for log-mels) with its
number of valid frames `length`. All strengths are traced, so members of an ensemble may differ in them and a schedule
may raise them from 0, where each function changes nothing.
"""

import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Key

from voxjax.audio import dsp
from voxjax.audio.features import channel_spans
from voxjax.config import FeatureConfig, FrameFeatures, Hyper

Draw = Float[Array, ""]  # uniform in [0, 1)
Scalar = Float[Array, ""] | float  # traced where members of an ensemble differ in it
Spans = Mapping[str, tuple[int, int]]

SILENCE_DB = -100.0
_SNR_RANGE_DB = 30.0  # noise is drawn from the lowest ratio up to this much above it


class Clip(NamedTuple):
    """One example: `frames [T, C]` and the number of valid frames."""

    frames: Float[Array, "T C"]
    length: Int[Array, ""]


class Draws(NamedTuple):
    """The draws of one example by purpose; those of a batch have a leading axis."""

    copy: Float[Array, "*B 2"]
    stretch: Float[Array, "*B"]
    crop: Float[Array, "*B"]
    vtlp: Float[Array, "*B"]
    gain: Float[Array, "*B"]
    noise: Float[Array, "*B 3"]
    shift: Float[Array, "*B"]
    time_bands: Float[Array, "*B 2 2"]
    channel_bands: Float[Array, "*B 2 2"]
    mixup: Float[Array, "*B 3"]


_SHAPES = ((2,), (), (), (), (), (3,), (), (2, 2), (2, 2), (3,))  # of the fields of `Draws`, for one example


def draws(key: Key[Array, ""], examples: int) -> Draws:
    """The draws of a batch. Those of an example depend on the key and on its place, not on the size of the batch."""
    ends = np.cumsum([math.prod(shape) for shape in _SHAPES])
    parts = jnp.split(jax.random.uniform(key, (examples, int(ends[-1]))), ends[:-1], axis=1)
    return Draws(*(part.reshape(examples, *shape) for part, shape in zip(parts, _SHAPES, strict=True)))


def time_stretch(draw: Draw, strength: Scalar, clip: Clip) -> Clip:
    """Changes the tempo by `exp(U(-1, 1) * strength)`, interpolating between frames.

    A slowed clip that is longer than the array is cut at its end.
    """
    size = clip.frames.shape[0]
    rate = jnp.exp(strength * _symmetric(draw))
    last = (clip.length - 1).astype(jnp.float32)
    length = jnp.minimum(jnp.floor(last / rate).astype(jnp.int32) + 1, size)
    return Clip(dsp.interpolate(clip.frames, jnp.arange(size, dtype=jnp.float32) * rate, last), length)


def vtlp(draw: Draw, strength: Scalar, clip: Clip, spans: Spans, config: FrameFeatures) -> Clip:
    """Scales the frequency axis of the log-mels by `exp(U(-1, 1) * strength)`, as a vocal tract of
    another length would (VTLP, Jaitly and Hinton 2013). Pitch moves with it."""
    ratio = strength * _symmetric(draw)
    frames = clip.frames
    if "logmel" in spans:
        first, end = spans["logmel"]
        low, high = (float(dsp.hz_to_mel(hz)) for hz in (config.mel_low_hz, config.mel_high_hz))
        mel = np.linspace(0.0, 2.0 * high, 512)  # a table for the conversion from Hz back to mel
        centres_hz = dsp.mel_to_hz(np.linspace(low, high, config.mels + 2)[1:-1])
        warped_hz = jnp.asarray(centres_hz, jnp.float32) * jnp.exp(ratio)
        source = jnp.interp(warped_hz, dsp.mel_to_hz(mel).astype(np.float32), mel.astype(np.float32))
        bins = (source - low) / (high - low) * (config.mels + 1) - 1.0
        warped = dsp.interpolate(frames[:, first:end].T, bins, jnp.float32(config.mels - 1)).T
        frames = frames.at[:, first:end].set(warped)
    if "pitch" in spans:
        first = spans["pitch"][0]
        voiced = (frames[:, first] != 0.0).astype(jnp.float32)
        frames = frames.at[:, first].add(-ratio / jnp.log(2.0) * voiced)
    return Clip(frames, clip.length)


def gain(draw: Draw, strength_db: Scalar, clip: Clip, spans: Spans) -> Clip:
    """Adds `U(-strength, strength)` dB to every level: log-mels and energy."""
    change_db = strength_db * _symmetric(draw)
    return Clip(clip.frames + change_db * _levels(clip, spans)[None, :], clip.length)


def noise(draws: Float[Array, "3"], probability: Scalar, snr_db: Scalar, clip: Clip, spans: Spans) -> Clip:
    """Adds a steady noise of random level and tilt to the log-mels of a fraction `probability` of the clips.

    Its level is `snr_db` to `snr_db + 30` dB below the clip's mean power, its spectrum falls or
    rises by up to 10 dB over the bands. Powers are added, as those of uncorrelated signals.
    """
    if "logmel" not in spans:
        return clip
    first, end = spans["logmel"]
    coin, level, tilt = draws
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


def time_shift(draw: Draw, strength_frames: Scalar, clip: Clip, spans: Spans) -> Clip:
    """Delays the clip by `U(0, strength)` frames of silence; frames beyond the array's end are lost."""
    size = clip.frames.shape[0]
    room = jnp.minimum(strength_frames, (size - clip.length).astype(jnp.float32))
    delay = jnp.floor(draw * (jnp.maximum(room, 0.0) + 1.0)).astype(jnp.int32)
    delay = jnp.minimum(delay, size - clip.length)
    moved = jnp.roll(clip.frames, delay, axis=0)
    silence = SILENCE_DB * _levels(clip, spans)[None, :]
    head = (jnp.arange(size) < delay)[:, None]
    return Clip(jnp.where(head & (strength_frames > 0.0), silence, moved), clip.length + delay)


def mask_bands(
    draws: Float[Array, "2 2"],
    widest_fraction: Scalar,
    values: Float[Array, "T C"],
    extent: Int[Array, ""],
    axis: int,
) -> Float[Array, "T C"]:
    """Sets two random bands along an axis to 0, the mean of scaled features (SpecAugment, Park 2019).

    Args:
        draws: widths and places of the two bands, each uniform in [0, 1).
        widest_fraction: the widest band as a fraction of `extent`.
        values: scaled features `[T, C]`.
        extent: valid size of the axis.
        axis: 0 for time, 1 for channels.
    """
    extent = extent.astype(jnp.float32)
    widths = draws[0] * widest_fraction * extent
    starts = draws[1] * (extent - widths)
    position = jnp.arange(values.shape[axis], dtype=jnp.float32)[:, None]
    masked = jnp.any((position >= starts[None, :]) & (position < (starts + widths)[None, :]), axis=1)
    return jnp.where(masked[:, None] if axis == 0 else masked[None, :], 0.0, values)


def crop(draw: Draw, size: int, clip: Clip) -> Clip:
    """A random crop of at most `size` frames: `[T, C] -> [min(T, size), C]`."""
    size = min(size, clip.frames.shape[0])
    room = jnp.maximum(clip.length - size, 0)
    start = jnp.floor(draw * (room + 1).astype(jnp.float32)).astype(jnp.int32)
    start = jnp.minimum(start, room)
    return Clip(jax.lax.dynamic_slice_in_dim(clip.frames, start, size), jnp.minimum(clip.length, size))


def distort(config: FeatureConfig, draws: Draws, hyper: Hyper, ramp: Scalar, clip: Clip, longest: int = 0) -> Clip:
    """All augmentations of unscaled features, in the order speaker, room, recording device.

    `vector` features have no time axis and are returned unchanged. Encoder features are stretched and cropped only, as
    they have no frequency axis. The result has at most `longest` frames; 0 is no limit, and `vector` has none.
    """
    return _DISTORTIONS[config.kind](config, draws, hyper, ramp, clip, longest)


def _unchanged(config: FeatureConfig, draws: Draws, hyper: Hyper, ramp: Scalar, clip: Clip, longest: int) -> Clip:
    del config, draws, hyper, ramp, longest
    return clip


def _in_time(config: FeatureConfig, draws: Draws, hyper: Hyper, ramp: Scalar, clip: Clip, longest: int) -> Clip:
    """Time stretch and crop."""
    del config
    clip = time_stretch(draws.stretch, ramp * hyper.time_stretch, clip)
    return crop(draws.crop, longest, clip) if longest else clip


def _in_time_and_bands(
    config: FrameFeatures, draws: Draws, hyper: Hyper, ramp: Scalar, clip: Clip, longest: int
) -> Clip:
    """Time stretch and crop, VTLP, gain, noise and time shift."""
    spans = channel_spans(config)
    clip = _in_time(config, draws, hyper, ramp, clip, longest)
    clip = vtlp(draws.vtlp, ramp * hyper.vtlp, clip, spans, config)
    clip = gain(draws.gain, ramp * hyper.gain_db, clip, spans)
    clip = noise(draws.noise, ramp * hyper.noise_probability, hyper.noise_snr_db, clip, spans)
    return time_shift(draws.shift, ramp * hyper.time_shift_frames, clip, spans)


_DISTORTIONS: dict[str, Callable[..., Clip]] = {
    "vector": _unchanged,
    "encoder": _in_time,
    "encoders": _in_time,
    "frames": _in_time_and_bands,
}


def spec_augment(
    draws: Draws, hyper: Hyper, ramp: Scalar, values: Float[Array, "T C"], length: Int[Array, ""]
) -> Float[Array, "T C"]:
    """SpecAugment on scaled features: two bands of time and two of channels, `[T, C] -> [T, C]`."""
    channels = jnp.asarray(values.shape[1])
    values = mask_bands(draws.time_bands, ramp * hyper.time_mask_fraction, values, length, 0)
    return mask_bands(draws.channel_bands, ramp * hyper.frequency_mask_fraction, values, channels, 1)


class Batch(NamedTuple):
    """Inputs `[B, T, C]`, mask bool `[B, T]` and target probabilities `[B, K]` of a training step.

    For a network that fuses modalities, inputs and mask are dictionaries of such arrays with different T and C.
    """

    inputs: Float[Array, "B T C"] | dict[str, Float[Array, "B _ _"]]
    mask: Bool[Array, "B T"] | dict[str, Bool[Array, "B _"]]
    targets: Float[Array, "B K"]


def mixup(draws: Float[Array, "B 3"], alpha: Scalar, probability: Scalar, batch: Batch) -> Batch:
    """Mixes a fraction `probability` of the examples with other examples of the batch (Zhang et al. 2018).

    The only function that uses more than one example of the batch. Weights are Beta(alpha, alpha), the larger kept for
    the example itself. Inputs and targets are mixed in the same way; a position is valid if it is in either example.

    Args:
        draws: of the order of the partners, of the weights and of which examples are mixed.
        alpha: of the Beta distribution; 0 mixes nothing.
        probability: of an example to be mixed, in [0, 1].
        batch: the examples.
    """
    order, quantile, coin = draws.T
    partner = jnp.argsort(order)
    mixed = (coin < probability) & (alpha > 0.0)
    own = jnp.where(mixed, larger_weight(quantile, alpha), 1.0)

    def blend(x: Array) -> Array:
        weight = own.reshape(-1, *(1,) * (x.ndim - 1))
        return weight * x + (1.0 - weight) * x[partner]

    mask = jax.tree.map(lambda valid: valid | (valid[partner] & mixed[:, None]), batch.mask)
    return Batch(jax.tree.map(blend, batch.inputs), mask, blend(batch.targets))


def larger_weight(quantile: Float[Array, " B"], alpha: Scalar) -> Float[Array, " B"]:
    """Quantiles of `max(w, 1 - w)` where `w` is Beta(alpha, alpha): `[B]` in [0, 1) -> `[B]` in [0.5, 1].

    Without the loops of a rejection sampler. The log-odds of `w` have the density `cosh(t / 2) ** (-2 * alpha)`, which
    is summed over a grid of 256 cells and inverted linearly within each. For `alpha` from 0.01 to 100 the weights are
    within 0.002 of the exact ones. Beyond the last cell `w` is 1 in float32.
    """
    alpha = jnp.maximum(alpha, 1e-2)
    density = jnp.exp(-2.0 * alpha * _LOG_COSH)
    mass = 0.5 * (density[1:] + density[:-1]) * _CELLS
    below = jnp.sum(jnp.where(_EARLIER, mass[None, :], 0.0), axis=1)
    total = jnp.sum(mass) + density[-1] / alpha
    # Cells with less mass than a rounding error of the sum would be counted in full or not at all.
    used = mass > 1e-7 * total
    part = (quantile[:, None] * total - below[None, :]) / jnp.where(used, mass, 1.0)[None, :]
    log_odds = jnp.sum(jnp.where(used, _CELLS, 0.0)[None, :] * jnp.clip(part, 0.0, 1.0), axis=1)
    return jax.nn.sigmoid(log_odds)


_ODDS = 20.0 * np.linspace(0.0, 1.0, 257, dtype=np.float32) ** 2  # log-odds, closer together near even weights
_CELLS = np.diff(_ODDS)
_LOG_COSH = _ODDS / 2 + np.log1p(np.exp(-_ODDS)) - np.log(np.float32(2.0))  # of half the log-odds
_EARLIER = np.tri(_CELLS.size, k=-1, dtype=bool)  # row i is true at the cells below cell i

_NEPER = 0.1 * 2.302585092994046  # decibels of power to natural logarithm


def _symmetric(draw: Draw) -> Float[Array, ""]:
    """A draw moved to [-1, 1)."""
    return 2.0 * draw - 1.0


def _levels(clip: Clip, spans: Spans) -> Float[Array, " C"]:
    """1 for channels measured in dB, 0 for the rest: `[C]`."""
    flags = jnp.zeros(clip.frames.shape[1])
    for name in set(spans) & {"logmel", "energy"}:
        flags = flags.at[slice(*spans[name])].set(1.0)
    return flags
