"""Offline copies of a clip, on its samples: noise, pitch, stretch and shift (the guide's augmentation).

Each method takes one zero-padded clip and keeps the array's size, which `make` leaves room in. What a
copy draws depends on the clip's own hash and the copy's number, never on the other clips or their order.
"""

import functools
import math

import jax
import jax.numpy as jnp

from voxjax.audio import dsp
from voxjax.config import CopiesConfig, one_of

Array = jax.Array

_WINDOW, _HOP = 1_024, 256  # of the phase vocoder: 64 ms at 16 kHz
_TAPS = 32  # of the resampling filter


def noise(key: Array, config: CopiesConfig, rate_hz: int, samples: Array, length: Array) -> tuple[Array, Array]:
    """Adds white noise at a signal-to-noise ratio within `noise_snr_db`."""
    del rate_hz
    level_key, noise_key = jax.random.fold_in(key, 0), jax.random.fold_in(key, 1)
    snr_db = _uniform(level_key, *config.noise_snr_db)
    valid = jnp.arange(samples.size) < length
    rms = jnp.sqrt(jnp.sum(jnp.square(samples)) / length.astype(jnp.float32))
    hiss = rms * 10.0 ** (-snr_db / 20.0) * jax.random.normal(noise_key, samples.shape)
    return samples + jnp.where(valid, hiss, 0.0), length


def stretch(key: Array, config: CopiesConfig, rate_hz: int, samples: Array, length: Array) -> tuple[Array, Array]:
    """Changes the tempo by a factor within `stretch_rate`, keeping the pitch."""
    del rate_hz
    low, high = (math.log(rate) for rate in config.stretch_rate)
    return time_stretch(samples, length, jnp.exp(_uniform(key, low, high)))


def pitch(key: Array, config: CopiesConfig, rate_hz: int, samples: Array, length: Array) -> tuple[Array, Array]:
    """Moves the pitch by semitones within `pitch_semitones`, keeping the tempo."""
    del rate_hz
    return pitch_shift(samples, length, _uniform(key, *config.pitch_semitones))


def shift(key: Array, config: CopiesConfig, rate_hz: int, samples: Array, length: Array) -> tuple[Array, Array]:
    """Moves the clip by up to `shift_s` either way within its length; what it uncovers is silence."""
    most = config.shift_s * rate_hz
    move = jnp.round(_uniform(key, -most, most)).astype(jnp.int32)
    source = jnp.arange(samples.size) - move
    inside = (source >= 0) & (source < length) & (jnp.arange(samples.size) < length)
    return jnp.where(inside, samples[jnp.clip(source, 0, samples.size - 1)], 0.0), length


METHODS = {"noise": noise, "pitch": pitch, "stretch": stretch, "shift": shift}


@functools.partial(jax.jit, static_argnums=(0, 1, 5))
def make(
    config: CopiesConfig, rate_hz: int, samples: Array, lengths: Array, clip_ids: Array, copy: int
) -> tuple[Array, Array]:
    """One copy of each clip of a batch.

    Args:
        config: methods and their ranges. Copy k takes the k-th method, in turn; "pitch+noise" chains.
        rate_hz: of the samples.
        samples: float32 `[batch, time]`, zeros beyond each length.
        lengths: int32 `[batch]`, in samples.
        clip_ids: uint32 `[batch]`, from each clip's hash.
        copy: from 1.

    Returns:
        float32 `[batch, longer]` and int32 `[batch]`; `longer` leaves room for the slowest stretch.

    Raises:
        UsageError: at an unknown method.
    """
    names = config.methods[(copy - 1) % len(config.methods)].split("+")
    for name in names:
        one_of("copies.methods", name, METHODS)
    slowest = min(1.0, config.stretch_rate[0], 2.0 ** (config.pitch_semitones[0] / 12.0))
    room = math.ceil(samples.shape[1] / slowest) - samples.shape[1] + _WINDOW
    samples = jnp.pad(samples, ((0, 0), (0, room)))

    def one(clip_id: Array, samples: Array, length: Array) -> tuple[Array, Array]:
        key = jax.random.fold_in(jax.random.fold_in(jax.random.key(config.seed), clip_id), copy)
        for i, name in enumerate(names):
            samples, length = METHODS[name](jax.random.fold_in(key, i), config, rate_hz, samples, length)
        return samples, length

    return jax.vmap(one)(clip_ids, samples, lengths)


def time_stretch(samples: Array, length: Array, rate: Array) -> tuple[Array, Array]:
    """A phase vocoder (Flanagan and Golden 1966), step for step librosa's: `[time] -> [time]`.

    Args:
        samples: zeros beyond the clip, with room for the result.
        length: `[]`, in samples.
        rate: `[]`; above 1 is faster.

    Returns:
        The stretched clip and its length, `round(length / rate)`.
    """
    windowed = dsp.frame(samples, _WINDOW, _HOP) * dsp.hann(_WINDOW)[None]
    spectrum = jnp.fft.rfft(windowed)  # [frames, bins]
    frames, bins = spectrum.shape
    spectrum = jnp.pad(spectrum, ((0, 2), (0, 0)))
    place = jnp.arange(frames, dtype=jnp.float32) * rate
    before = jnp.minimum(jnp.floor(place).astype(jnp.int32), frames)
    part = (place - jnp.floor(place))[:, None]
    magnitude, angle = jnp.abs(spectrum), jnp.angle(spectrum)
    level = (1.0 - part) * magnitude[before] + part * magnitude[before + 1]
    advance = jnp.pi * _HOP * jnp.linspace(0.0, 1.0, bins)[None]
    turn = angle[before + 1] - angle[before] - advance
    turn = turn - 2.0 * jnp.pi * jnp.round(turn / (2.0 * jnp.pi)) + advance
    # The sum is taken modulo a full turn at each step, or float32 would lose the phase.
    phase = angle[:1] + _cumulative_turns(turn)
    sound = _overlap_add(jnp.fft.irfft(jax.lax.complex(level * jnp.cos(phase), level * jnp.sin(phase)), _WINDOW))
    length = jnp.round(length.astype(jnp.float32) / rate).astype(jnp.int32)
    sound = jnp.pad(sound, (0, max(0, samples.size - sound.size)))[: samples.size]
    length = jnp.minimum(length, samples.size)
    return jnp.where(jnp.arange(samples.size) < length, sound, 0.0), length


def pitch_shift(samples: Array, length: Array, semitones: Array) -> tuple[Array, Array]:
    """Stretches, then resamples back to the first length: `[time] -> [time]`."""
    ratio = 2.0 ** (semitones / 12.0)
    slowed, _ = time_stretch(samples, length, 1.0 / ratio)
    return jnp.where(jnp.arange(samples.size) < length, resample(slowed, ratio), 0.0), length


def resample(samples: Array, ratio: Array) -> Array:
    """Samples at every `ratio`-th place by a windowed sinc, band limited where ratio > 1: `[time] -> [time]`."""
    cutoff = jnp.minimum(1.0, 1.0 / ratio)
    place = jnp.arange(samples.size, dtype=jnp.float32) * ratio
    first = jnp.floor(place).astype(jnp.int32)
    taps = jnp.arange(-_TAPS // 2 + 1, _TAPS // 2 + 1)
    distance = (place - first.astype(jnp.float32))[:, None] - taps.astype(jnp.float32)[None, :]
    weights = cutoff * jnp.sinc(cutoff * distance) * jnp.square(jnp.cos(jnp.pi * distance / (_TAPS + 2)))
    padded = jnp.pad(samples, (_TAPS, _TAPS))
    index = jnp.clip(first[:, None] + taps[None, :] + _TAPS, 0, padded.size - 1)
    return jnp.sum(weights * padded[index], axis=1)


def _uniform(key: Array, low: float, high: float) -> Array:
    return jax.random.uniform(key, minval=low, maxval=high)


def _cumulative_turns(turn: Array) -> Array:
    """The phase before each frame, `[frames, bins]`, each sum kept within half a turn."""

    def add(phase: Array, change: Array) -> tuple[Array, Array]:
        total = phase + change
        return total - 2.0 * jnp.pi * jnp.round(total / (2.0 * jnp.pi)), phase

    _, before = jax.lax.scan(add, jnp.zeros(turn.shape[1]), turn)
    return before


def _overlap_add(frames: Array) -> Array:
    """The inverse of windowed, centred framing: `[frames, window] -> [(frames - 1) * hop]`."""
    window = jnp.asarray(dsp.hann(_WINDOW))
    blocks = _WINDOW // _HOP
    count = frames.shape[0]

    def spread(parts: Array) -> Array:
        hops = parts.reshape(count, blocks, _HOP)
        ends = [jnp.pad(hops[:, i], ((i, blocks - 1 - i), (0, 0))) for i in range(blocks)]
        return sum(ends[1:], ends[0]).ravel()

    sound = spread(frames * window[None])
    weight = spread(jnp.broadcast_to(jnp.square(window)[None], frames.shape))
    return (sound / jnp.maximum(weight, 1e-6))[_WINDOW // 2 : _WINDOW // 2 + (count - 1) * _HOP]
