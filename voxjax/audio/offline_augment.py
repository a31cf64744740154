"""Offline augmentation of samples: pitch, tempo, shift and speed; and the copies, by all methods.

Each method takes one zero-padded clip and returns another one, in an array that may be longer. Random numbers depend
on the clip's hash and the number of the copy, and not on other clips, order or padding.
"""

import functools
import math
from collections.abc import Sequence
from types import ModuleType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float, Int, Key, UInt32

from voxjax.audio import channel_augment, dsp
from voxjax.config import OfflineAugmentConfig, one_of

Clip = tuple[Float[Array, " longer"], Int[Array, ""]]  # zero-padded samples, and how many are valid
Phase = tuple[Float[Array, " bins"], Float[Array, " bins"]]  # cosine and sine
Spectrum = Float[Array, "frames bins"]

_WINDOW, _HOP = 1_024, 256  # of the phase vocoder: 64 ms at 16 kHz
_TAPS = 32  # of the resampling filter
_ORDER = 6  # coefficients of the polynomial that interpolates each tap
_BLOCK = 64  # samples per matrix product
_MAP_BATCH = 4  # clips: intermediate arrays then fit into a core's cache, which is two to three times faster


def stretch(
    key: Key[Array, ""],
    config: OfflineAugmentConfig,
    rate_hz: int,
    samples: Float[Array, " time"],
    length: Int[Array, ""],
) -> Clip:
    """Changes the tempo by a factor within `stretch_rate`, keeping the pitch."""
    del rate_hz
    low, high = config.stretch_rate
    size = math.ceil(samples.size / min(1.0, low))
    return time_stretch(samples, length, jnp.exp(_uniform(key, math.log(low), math.log(high))), size)


def pitch(
    key: Key[Array, ""],
    config: OfflineAugmentConfig,
    rate_hz: int,
    samples: Float[Array, " time"],
    length: Int[Array, ""],
) -> Clip:
    """Moves the pitch by semitones within `pitch_semitones`, keeping the tempo."""
    del rate_hz
    low, high = config.pitch_semitones
    size = math.ceil(samples.size * 2.0 ** (max(0.0, high) / 12.0))
    return pitch_shift(samples, length, _uniform(key, low, high), size), length


def speed(
    key: Key[Array, ""],
    config: OfflineAugmentConfig,
    rate_hz: int,
    samples: Float[Array, " time"],
    length: Int[Array, ""],
) -> Clip:
    """Plays the clip at a speed within `speed_rate`: tempo, pitch and tract move together (Ko et al. 2015)."""
    del rate_hz
    low, high = config.speed_rate
    size = math.ceil(samples.size / min(1.0, low))
    rate = jnp.exp(_uniform(key, math.log(low), math.log(high)))
    length = jnp.minimum(jnp.round(length.astype(jnp.float32) / rate).astype(jnp.int32), size)
    return jnp.where(jnp.arange(size) < length, resample(samples, rate, size), 0.0), length


def shift(
    key: Key[Array, ""],
    config: OfflineAugmentConfig,
    rate_hz: int,
    samples: Float[Array, " time"],
    length: Int[Array, ""],
) -> Clip:
    """Moves the clip by up to `shift_s` in either direction within its length, and fills with silence."""
    most = config.shift_s * rate_hz
    move = jnp.round(_uniform(key, -most, most)).astype(jnp.int32)
    source = jnp.arange(samples.size) - move
    inside = (source >= 0) & (source < length) & (jnp.arange(samples.size) < length)
    return jnp.where(inside, samples[jnp.clip(source, 0, samples.size - 1)], 0.0), length


METHODS = {
    "noise": channel_augment.noise,
    "pitch": pitch,
    "stretch": stretch,
    "shift": shift,
    "speed": speed,
    "room": channel_augment.room,
    "telephone": channel_augment.telephone,
    "tilt": channel_augment.tilt,
    "speech_noise": channel_augment.speech_noise,
    "babble": channel_augment.babble,
    "pauses": channel_augment.pauses,
}


@functools.partial(jax.jit, static_argnums=(0, 1, 5))
def make(
    config: OfflineAugmentConfig,
    rate_hz: int,
    samples: Float[Array, "batch time"],
    lengths: Int[Array, " batch"],
    clip_ids: UInt32[Array, " batch"],
    copy: int,
) -> tuple[Float[Array, "batch longer"], Int[Array, " batch"]]:
    """One augmented copy of each clip of a batch.

    Args:
        config: methods and their ranges. Copies cycle through the methods; "pitch+noise" applies both, "room|noise"
            one of the two, drawn for each clip.
        rate_hz: of the samples.
        samples: float32 `[batch, time]`, zeros beyond each length.
        lengths: int32 `[batch]`, in samples.
        clip_ids: uint32 `[batch]`, `Clip.augmentation_id`.
        copy: number of the copy, from 1.

    Returns:
        float32 `[batch, time]` and int32 `[batch]`; `time` is longer if a stretch needs it.

    Raises:
        UsageError: at an unknown method.
    """
    choices = [text.split("+") for text in config.methods[(copy - 1) % len(config.methods)].split("|")]
    for name in (name for names in choices for name in names):
        one_of("offline_augment.methods", name, METHODS)

    def one(clip: tuple[Array, Array, Array]) -> tuple[Array, Array]:
        clip_id, samples, length = clip
        key = jax.random.fold_in(jax.random.fold_in(jax.random.key(config.seed), clip_id), copy)
        made = [_applied(key, config, rate_hz, names, (samples, length)) for names in choices]
        if len(made) == 1:
            return made[0]
        longest = max(samples.size for samples, _ in made)
        chosen = jax.random.randint(jax.random.fold_in(key, len(METHODS)), (), 0, len(made))
        padded = jnp.stack([jnp.pad(samples, (0, longest - samples.size)) for samples, _ in made])
        return padded[chosen], jnp.stack([length for _, length in made])[chosen]

    return jax.lax.map(one, (clip_ids, samples, lengths), batch_size=_MAP_BATCH)


def _applied(
    key: Key[Array, ""],
    config: OfflineAugmentConfig,
    rate_hz: int,
    names: Sequence[str],
    clip: tuple[Float[Array, " time"], Int[Array, ""]],
) -> Clip:
    """A clip after several methods, one after the other."""
    for i, name in enumerate(names):
        clip = METHODS[name](jax.random.fold_in(key, i), config, rate_hz, *clip)
    return clip


def time_stretch(samples: Float[Array, " time"], length: Int[Array, ""], rate: Float[Array, ""], size: int) -> Clip:
    """A phase vocoder (Flanagan and Golden 1966): `[time] -> [size]`.

    Equal to librosa's except in the last window, where librosa omits frames beyond the clip.

    Hops are equal before and after, so the phase of a bin advances from frame to frame by the angle
    between two neighbouring frames of the original. Phases are kept as unit vectors, which
    needs neither arc tangents nor unwrapping and loses no precision in long clips.

    Args:
        samples: zeros beyond the clip.
        length: `[]`, in samples.
        rate: `[]`; above 1 is faster.
        size: of the result, in samples; the rest is cut off.

    Returns:
        The stretched clip and its length, `round(length / rate)`.
    """
    # Frames extend beyond the clip's end in any case, so that padding changes nothing.
    windowed = dsp.frame(jnp.pad(samples, (0, _WINDOW)), _WINDOW, _HOP) * dsp.hann(_WINDOW)[None]
    spectrum = jnp.pad(jnp.fft.rfft(windowed), ((0, 2), (0, 0)))  # [frames + 2, bins]
    level, real, imag = _polar(spectrum)
    place = jnp.arange((size + _WINDOW) // _HOP + 1, dtype=jnp.float32) * rate  # in frames
    before = jnp.minimum(jnp.floor(place).astype(jnp.int32), spectrum.shape[0] - 2)
    after, part = before + 1, (place - jnp.floor(place))[:, None]
    turn_real = real[after] * real[before] + imag[after] * imag[before]
    turn_imag = imag[after] * real[before] - real[after] * imag[before]

    def advance(phase: Phase, turn: Phase) -> tuple[Phase, Phase]:
        moved = (phase[0] * turn[0] - phase[1] * turn[1], phase[0] * turn[1] + phase[1] * turn[0])
        return moved, phase

    _, phase = jax.lax.scan(advance, (real[0], imag[0]), (turn_real, turn_imag))
    level = (1.0 - part) * level[before] + part * level[after]
    sound = _overlap_add(jnp.fft.irfft(jax.lax.complex(level * phase[0], level * phase[1]), _WINDOW), size)
    length = jnp.minimum(jnp.round(length.astype(jnp.float32) / rate).astype(jnp.int32), size)
    return jnp.where(jnp.arange(size) < length, sound, 0.0), length


def pitch_shift(
    samples: Float[Array, " time"], length: Int[Array, ""], semitones: Float[Array, ""], size: int
) -> Float[Array, " time"]:
    """Stretches, then resamples back to the first length: `[time] -> [time]`.

    `size` samples are kept between the two: at least `length * 2 ** (semitones / 12)`.
    """
    ratio = 2.0 ** (semitones / 12.0)
    slowed, _ = time_stretch(samples, length, 1.0 / ratio, size)
    return jnp.where(jnp.arange(samples.size) < length, resample(slowed, ratio, samples.size), 0.0)


def resample(samples: Float[Array, " time"], ratio: Float[Array, ""], size: int) -> Float[Array, " {size}"]:
    """Samples at every `ratio`-th position, band limited where ratio > 1: `[time] -> [size]`.

    A windowed sinc of 32 taps (Smith and Gossett 1984). `ratio` lies in [0.5, 2].
    """
    polynomials = _interpolants(samples, jnp.minimum(1.0, 1.0 / ratio))
    count = jnp.arange(size, dtype=jnp.uint32)
    # Positions reach 10 ** 6, where float32 has no fractions: these are computed in units of 2 ** -32.
    step = (jnp.mod(ratio, 1.0) * 2.0**32).astype(jnp.uint32)
    part = (count * step).astype(jnp.float32) / 2.0**32
    first = jnp.round(count.astype(jnp.float32) * ratio - part).astype(jnp.int32)
    first = jnp.minimum(first, polynomials.shape[1] - 1)
    out = polynomials[-1][first]
    for coefficient in polynomials[-2::-1]:
        out = out * part + coefficient[first]
    return out


def _interpolants(samples: Float[Array, " time"], cutoff: Float[Array, ""]) -> Float[Array, "order longer"]:
    """The signal after each sample as a polynomial in [0, 1] (Farrow 1988): `[time] -> [order, longer]`.

    One product of overlapping blocks with a banded matrix; a gather of all taps is 30 times slower.
    """
    nodes, to_powers = _nodes()
    distance = nodes[:, None] - np.arange(1 - _TAPS // 2, 1 + _TAPS // 2)[None, :]
    taper = np.square(np.cos(np.pi * distance / (_TAPS + 2)))
    weights = cutoff * jnp.sinc(cutoff * distance.astype(np.float32)) * taper.astype(np.float32)
    powers = dsp.project(jnp.asarray(to_powers), weights)  # [order, taps]
    lag = np.arange(_BLOCK + _TAPS)[:, None] - np.arange(_BLOCK)[None, :]
    band = powers[:, np.clip(lag, 0, _TAPS - 1)] * ((lag >= 0) & (lag < _TAPS)).astype(np.float32)[None]
    count = (samples.size + _TAPS) // _BLOCK + 1
    left = _TAPS // 2 - 1
    padded = jnp.pad(samples, (left, (count + 1) * _BLOCK - samples.size - left))
    blocks = padded.reshape(count + 1, _BLOCK)
    windows = jnp.concatenate([blocks[:-1], blocks[1:, :_TAPS]], axis=1)
    return dsp.project(windows[None], band).reshape(_ORDER, count * _BLOCK)


@functools.cache
def _nodes() -> tuple[np.ndarray, np.ndarray]:
    """Chebyshev nodes in [0, 1] and the matrix from values there to powers, lowest first."""
    nodes = 0.5 - 0.5 * np.cos(np.pi * (np.arange(_ORDER) + 0.5) / _ORDER)
    return nodes, np.linalg.inv(np.vander(nodes, increasing=True)).astype(np.float32)


def _uniform(key: Key[Array, ""], low: float, high: float) -> Float[Array, ""]:
    return jax.random.uniform(key, minval=low, maxval=high)


def _polar(spectrum: Complex[Array, "frames bins"]) -> tuple[Spectrum, Spectrum, Spectrum]:
    """Magnitude and the unit vector of the phase; the vector is 1 where the magnitude is 0."""
    level = jnp.sqrt(jnp.square(spectrum.real) + jnp.square(spectrum.imag))
    some = level > 0.0
    scale = 1.0 / jnp.where(some, level, 1.0)
    return level, jnp.where(some, spectrum.real * scale, 1.0), spectrum.imag * scale


def _overlap_add(frames: Float[Array, "frames window"], size: int) -> Float[Array, " {size}"]:
    """Overlap-add, the inverse of windowed, centred framing: `[frames, window] -> [size]`."""
    window = dsp.hann(_WINDOW)
    weight = _spread(np.broadcast_to(np.square(window), frames.shape), np)
    sound = _spread(frames * window[None], jnp) / np.maximum(weight, 1e-6)
    return sound[_WINDOW // 2 : _WINDOW // 2 + size]


def _spread(frames: Float[Array | np.ndarray, "frames window"], xp: ModuleType) -> Any:
    """Adds up frames that start a hop apart: `[frames, window] -> [time]`."""
    blocks = _WINDOW // _HOP
    hops = frames.reshape(-1, blocks, _HOP)
    parts = [xp.pad(hops[:, i], ((i, blocks - 1 - i), (0, 0))) for i in range(blocks)]
    return sum(parts[1:], parts[0]).ravel()
