"""Chroma with librosa's estimate of tuning, on one clip."""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from voxjax.audio import dsp

Array = jax.Array

CLASSES = 12  # semitones of an octave
_TUNINGS = 100  # candidates, a hundredth of a semitone apart, from -0.5
_LOW_HZ, _HIGH_HZ = 150.0, 4_000.0  # where peaks are looked for
_PEAK_SHARE = 0.1  # of a frame's maximum, below which a peak does not count


@functools.cache
def filters(sample_rate_hz: int, window_samples: int) -> np.ndarray:
    """Chroma filter banks for each tuning: float32 `[100, window // 2 + 1, 12]`, librosa's own (Ellis 2007)."""
    import librosa.filters  # slow to import, and needed for `vector` alone

    edges = np.linspace(-0.5, 0.5, _TUNINGS + 1)[:-1]
    banks = [librosa.filters.chroma(sr=sample_rate_hz, n_fft=window_samples, tuning=edge).T for edge in edges]
    return np.stack(banks).astype(np.float32)


def chroma(power: Array, mask: Array, sample_rate_hz: int, banks: Array) -> Array:
    """Energy of each pitch class relative to the frame's largest: `[frames, bins] -> [frames, 12]`.

    Equal to `librosa.feature.chroma_stft` with its default tuning, on the frames where `mask [frames]`.
    """
    bank = banks[tuning_index(power, mask, sample_rate_hz)]
    raw = dsp.project(power, bank)
    largest = jnp.max(raw, axis=-1, keepdims=True)
    tiny = jnp.finfo(raw.dtype).tiny
    return jnp.where(largest < tiny, raw, raw / jnp.maximum(largest, tiny))


def tuning_index(power: Array, mask: Array, sample_rate_hz: int) -> Array:
    """Which hundredth of a semitone, from -0.5, the clip's spectral peaks favour: int32 `[]`.

    librosa's `estimate_tuning`: peaks by parabolic interpolation, the louder half of them, and the
    fullest bin of a histogram of their distance from the tempered scale.
    """
    bins = power.shape[-1]
    bin_hz = sample_rate_hz / (2 * (bins - 1))
    first, last = int(np.ceil(_LOW_HZ / bin_hz)), min(int(np.ceil(_HIGH_HZ / bin_hz)), bins - 1)
    before, here, after = (power[:, first + i : last + i] for i in (-1, 0, 1))
    loud = here > _PEAK_SHARE * jnp.max(power, axis=-1, keepdims=True)
    floor = _PEAK_SHARE * jnp.max(power, axis=-1, keepdims=True)
    left, right = (jnp.where(side > floor, side, 0.0) for side in (before, after))
    peak = loud & (here > left) & (here >= right) & mask[:, None]
    slope, bend = 0.5 * (after - before), after + before - 2.0 * here
    shift = jnp.where(jnp.abs(slope) < jnp.abs(bend), -slope / jnp.where(bend == 0.0, 1.0, bend), 0.0)
    height = here + 0.5 * slope * shift
    hz = (jnp.arange(first, last, dtype=jnp.float32)[None, :] + shift) * bin_hz
    counted = peak & (height >= _median(height, peak))
    residual = jnp.mod(CLASSES * jnp.log2(jnp.maximum(hz, 1.0) / 27.5), 1.0)
    residual = jnp.where(residual >= 0.5, residual - 1.0, residual)
    place = jnp.clip(jnp.floor((residual + 0.5) * _TUNINGS), 0, _TUNINGS - 1).astype(jnp.int32)
    counts = jnp.zeros(_TUNINGS, jnp.int32).at[place.ravel()].add(counted.ravel().astype(jnp.int32))
    # Without any peak librosa takes tuning 0, which is the 50th.
    return jnp.where(jnp.any(counted), jnp.argmax(counts), _TUNINGS // 2).astype(jnp.int32)


def _median(values: Array, chosen: Array) -> Array:
    """The median of the chosen positive values, exactly, without sorting them.

    Bit patterns of positive floats are ordered as the floats are, so bisection over the patterns
    ends at the value itself after 31 counts.
    """
    bits = jnp.where(chosen, jax.lax.bitcast_convert_type(values, jnp.int32), jnp.int32(2**31 - 1)).ravel()
    count = jnp.sum(chosen, dtype=jnp.int32)

    def smallest_with(rank: Array) -> Array:
        def halve(_: int, span: tuple[Array, Array]) -> tuple[Array, Array]:
            low, high = span
            middle = low + (high - low) // 2
            enough = jnp.sum(bits <= middle, dtype=jnp.int32) > rank
            return jnp.where(enough, low, middle + 1), jnp.where(enough, middle, high)

        low, _ = jax.lax.fori_loop(0, 31, halve, (jnp.int32(0), jnp.int32(2**31 - 1)))
        return jax.lax.bitcast_convert_type(low, jnp.float32)

    return 0.5 * (smallest_with((count - 1) // 2) + smallest_with(count // 2))
