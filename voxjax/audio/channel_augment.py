"""Offline augmentation by the way to the microphone: noise, rooms, telephones, tilts, many voices, pauses.

As in `offline_augment`, each method takes one zero-padded clip and returns another; more padding changes nothing but
rounding.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key

from voxjax.audio import dsp
from voxjax.config import OfflineAugmentConfig

Clip = tuple[Float[Array, " time"], Int[Array, ""]]  # zero-padded samples, and how many are valid

_FRAME = 512  # samples of the average spectrum
_BUTTERWORTH = 8  # order of a telephone's band, applied twice
_VOICES, _VOICE_RATES = 5, (0.75, 1.3)  # of babble: how many, and how fast
_LOWEST_HZ = 60.0  # below which a tilt goes no further
_CENTRE_HZ = 1_000.0  # which a tilt leaves as it is


def noise(
    key: Key[Array, ""],
    config: OfflineAugmentConfig,
    rate_hz: int,
    samples: Float[Array, " time"],
    length: Int[Array, ""],
) -> Clip:
    """Adds white noise at a signal-to-noise ratio within `noise_snr_db`."""
    del rate_hz
    low, high = config.noise_snr_db
    snr_db = jax.random.uniform(jax.random.fold_in(key, 0), minval=low, maxval=high)
    white_noise = jax.random.normal(jax.random.fold_in(key, 1), samples.shape)
    return samples + _valid(_rms(samples, length) * 10.0 ** (-snr_db / 20.0) * white_noise, length), length


def room(
    key: Key[Array, ""],
    config: OfflineAugmentConfig,
    rate_hz: int,
    samples: Float[Array, " time"],
    length: Int[Array, ""],
) -> Clip:
    """Adds a room of a reverberation time within `rt60_s`: noise that decays by 60 dB (Polack 1988).

    The direct sound and the tail have the same energy; the clip keeps its level.
    """
    time_key, noise_key = jax.random.split(key)
    rt60_s = jax.random.uniform(time_key, minval=config.rt60_s[0], maxval=config.rt60_s[1])
    time_s = np.arange(round(config.rt60_s[1] * rate_hz), dtype=np.float32) / rate_hz
    tail = jax.random.normal(noise_key, time_s.shape) * 10.0 ** (-3.0 * time_s / rt60_s)
    tail = jnp.where((time_s > 0.0) & (time_s < rt60_s), tail, 0.0)
    tail = (tail / jnp.sqrt(jnp.sum(jnp.square(tail)))).at[0].set(1.0)
    wet = _valid(_convolved(samples, tail), length)
    return wet * _rms(samples, length) / jnp.maximum(_rms(wet, length), 1e-9), length


def telephone(
    key: Key[Array, ""],
    config: OfflineAugmentConfig,
    rate_hz: int,
    samples: Float[Array, " time"],
    length: Int[Array, ""],
) -> Clip:
    """Leaves a band whose ends lie within `band_low_hz` and `band_high_hz`."""
    low_key, high_key = jax.random.split(key)
    low = jax.random.uniform(low_key, minval=config.band_low_hz[0], maxval=config.band_low_hz[1])
    high = jax.random.uniform(high_key, minval=config.band_high_hz[0], maxval=config.band_high_hz[1])
    log_hz = jnp.log(jnp.maximum(_bins_hz(samples, rate_hz), 1.0))
    above, below = log_hz - jnp.log(low), jnp.log(high) - log_hz
    gain = jax.nn.sigmoid(2 * _BUTTERWORTH * above) * jax.nn.sigmoid(2 * _BUTTERWORTH * below)
    return _valid(_filtered(samples, gain), length), length


def tilt(
    key: Key[Array, ""],
    config: OfflineAugmentConfig,
    rate_hz: int,
    samples: Float[Array, " time"],
    length: Int[Array, ""],
) -> Clip:
    """Tilts the spectrum by decibels an octave within `tilt_db`, as another microphone or distance does."""
    slope = jax.random.uniform(key, minval=config.tilt_db[0], maxval=config.tilt_db[1])
    octaves = jnp.log2(jnp.maximum(_bins_hz(samples, rate_hz), _LOWEST_HZ) / _CENTRE_HZ)
    return _valid(_filtered(samples, 10.0 ** (slope * octaves / 20.0)), length), length


def speech_noise(
    key: Key[Array, ""],
    config: OfflineAugmentConfig,
    rate_hz: int,
    samples: Float[Array, " time"],
    length: Int[Array, ""],
) -> Clip:
    """Adds noise of the clip's own average spectrum, as many voices have, at a ratio within `speech_noise_snr_db`."""
    del rate_hz
    level_key, noise_key = jax.random.split(key)
    windowed = dsp.frame(jnp.pad(samples, (0, _FRAME)), _FRAME, _FRAME // 2) * dsp.hann(_FRAME)[None]
    spectrum = jnp.sqrt(jnp.sum(jnp.square(jnp.abs(jnp.fft.rfft(windowed))), axis=0))  # of all frames
    taps = jnp.roll(jnp.fft.irfft(spectrum), _FRAME // 2)
    noise = _valid(_convolved(jax.random.normal(noise_key, samples.shape), taps), length)
    return _added(level_key, config.speech_noise_snr_db, samples, noise, length), length


def babble(
    key: Key[Array, ""],
    config: OfflineAugmentConfig,
    rate_hz: int,
    samples: Float[Array, " time"],
    length: Int[Array, ""],
) -> Clip:
    """Adds voices made of the clip itself, at a ratio within `speech_noise_snr_db`.

    Each runs from another place on, forwards or backwards, faster or slower, so that no other clip is needed.
    """
    del rate_hz
    level_key, place_key, rate_key, back_key = jax.random.split(key, 4)
    starts = jax.random.uniform(place_key, (_VOICES,), maxval=length.astype(jnp.float32))
    rates = jax.random.uniform(rate_key, (_VOICES,), minval=_VOICE_RATES[0], maxval=_VOICE_RATES[1])
    rates = jnp.where(jax.random.bernoulli(back_key, shape=(_VOICES,)), rates, -rates)
    voices = jax.vmap(_read_round, in_axes=(None, None, 0, 0))(samples, length, starts, rates)
    noise = _valid(jnp.sum(voices, axis=0), length)
    return _added(level_key, config.speech_noise_snr_db, samples, noise, length), length


def pauses(
    key: Key[Array, ""],
    config: OfflineAugmentConfig,
    rate_hz: int,
    samples: Float[Array, " time"],
    length: Int[Array, ""],
) -> tuple[Float[Array, " longer"], Int[Array, ""]]:
    """Puts silence of durations within `pause_s` before the clip and after it.

    Before `noise` it makes what is left of a recording where noise hides the end of speech, so that no pause is cut.
    """
    low, high = (round(end * rate_hz) for end in config.pause_s)
    before, after = jax.random.randint(key, (2,), low, high + 1)
    place = jnp.arange(samples.size + 2 * high) - before
    inside = (place >= 0) & (place < length)
    return jnp.where(inside, samples[jnp.clip(place, 0, samples.size - 1)], 0.0), before + length + after


def _read_round(
    samples: Float[Array, " time"], length: Int[Array, ""], start: Float[Array, ""], rate: Float[Array, ""]
) -> Float[Array, " time"]:
    """The clip read from a place on at a rate, backwards below 0, round its ends, interpolated linearly."""
    place = jnp.mod(start + rate * jnp.arange(samples.size, dtype=jnp.float32), length.astype(jnp.float32))
    before = jnp.minimum(place.astype(jnp.int32), length - 1)
    part = place - before.astype(jnp.float32)
    return (1.0 - part) * samples[before] + part * samples[jnp.mod(before + 1, length)]


def _added(
    key: Key[Array, ""],
    snr_db: tuple[float, float],
    samples: Float[Array, " time"],
    noise: Float[Array, " time"],
    length: Int[Array, ""],
) -> Float[Array, " time"]:
    """The clip plus noise at a signal-to-noise ratio that is drawn within a range."""
    drawn_db = jax.random.uniform(key, minval=snr_db[0], maxval=snr_db[1])
    scale = _rms(samples, length) / jnp.maximum(_rms(noise, length), 1e-9) * 10.0 ** (-drawn_db / 20.0)
    return samples + scale * noise


def _bins_hz(samples: Float[Array, " time"], rate_hz: int) -> Float[np.ndarray, " bins"]:
    """The frequencies of the bins of `_filtered`."""
    return np.fft.rfftfreq(2 * samples.size, 1.0 / rate_hz).astype(np.float32)


def _filtered(samples: Float[Array, " time"], gain: Float[Array, " bins"]) -> Float[Array, " time"]:
    """The clip with its spectrum multiplied; as much silence behind it keeps its end from its beginning."""
    spectrum = jnp.fft.rfft(samples, 2 * samples.size) * gain.astype(jnp.complex64)
    return jnp.fft.irfft(spectrum, 2 * samples.size)[: samples.size]


def _convolved(samples: Float[Array, " time"], taps: Float[Array, " taps"]) -> Float[Array, " time"]:
    size = samples.size + taps.size
    return jnp.fft.irfft(jnp.fft.rfft(samples, size) * jnp.fft.rfft(taps, size), size)[: samples.size]


def _valid(samples: Float[Array, " time"], length: Int[Array, ""]) -> Float[Array, " time"]:
    """The samples with zeros beyond the clip."""
    return jnp.where(jnp.arange(samples.size) < length, samples, 0.0)


def _rms(samples: Float[Array, " time"], length: Int[Array, ""]) -> Float[Array, ""]:
    """The root mean square of a clip with zeros beyond it."""
    return jnp.sqrt(jnp.sum(jnp.square(samples)) / length.astype(jnp.float32))
