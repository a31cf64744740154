"""Chroma with librosa's estimate of tuning, on one clip."""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from voxjax.audio import dsp

CLASSES = 12  # semitones of an octave
_TUNINGS = 100  # candidates, in steps of 0.01 semitones from -0.5
_LOW_HZ, _HIGH_HZ = 150.0, 4_000.0  # peaks are searched between these
_PEAK_FRACTION = 0.1  # of a frame's maximum: lower peaks do not count
_A0_HZ = 27.5
_LARGEST = np.int32(2**31 - 1)


@functools.cache
def filters(sample_rate_hz: int, window_samples: int) -> Float[np.ndarray, "tunings {window_samples}//2+1 12"]:
    """Chroma filter banks for each tuning: float32 `[100, window // 2 + 1, 12]` (Ellis 2007, librosa's own)."""
    import librosa.filters  # slow to import, and only `vector` needs it

    edges = np.linspace(-0.5, 0.5, _TUNINGS + 1)[:-1]
    banks = [librosa.filters.chroma(sr=sample_rate_hz, n_fft=window_samples, tuning=edge).T for edge in edges]
    return np.stack(banks).astype(np.float32)


def chroma(
    power: Float[Array, "frames bins"],
    mask: Bool[Array, " frames"],
    sample_rate_hz: int,
    banks: Float[Array, "tunings bins 12"],
) -> Float[Array, "frames 12"]:
    """Energy of each pitch class relative to the frame's largest: `[frames, bins] -> [frames, 12]`.

    Equal to `librosa.feature.chroma_stft` with its default tuning, on the frames where `mask [frames]`.
    """
    bank = banks[tuning_index(power, mask, sample_rate_hz)]
    raw = dsp.project(power, bank)
    largest = jnp.max(raw, axis=-1, keepdims=True)
    tiny = jnp.finfo(raw.dtype).tiny
    return jnp.where(largest < tiny, raw, raw / jnp.maximum(largest, tiny))


def tuning_index(
    power: Float[Array, "frames bins"], mask: Bool[Array, " frames"], sample_rate_hz: int
) -> Int[Array, ""]:
    """The clip's tuning in hundredths of a semitone, counted from -0.5: int32 `[]`.

    librosa's `estimate_tuning`: peaks by parabolic interpolation, the louder half of them, and the
    fullest bin of a histogram of their distance from the tempered scale.
    """
    hz, height = _peaks(power, mask, sample_rate_hz)
    counted = (height > 0.0) & (height >= _median(height))
    semitones = CLASSES * jnp.log2(jnp.maximum(hz, 1.0) / _A0_HZ) + 0.5
    residual = semitones - jnp.floor(semitones)  # `jnp.mod` is several times slower
    place = jnp.minimum((residual * _TUNINGS).astype(jnp.int32), _TUNINGS - 1)
    counts = jnp.zeros(_TUNINGS, jnp.int32).at[place.ravel()].add(counted.ravel().astype(jnp.int32))
    # Without any peak librosa takes tuning 0, which is the 50th.
    return jnp.where(jnp.any(counted), jnp.argmax(counts), _TUNINGS // 2).astype(jnp.int32)


def _peaks(
    power: Float[Array, "frames bins"], mask: Bool[Array, " frames"], sample_rate_hz: int
) -> tuple[Float[Array, "frames pairs"], Float[Array, "frames pairs"]]:
    """Spectral peaks as frequency and height, 0 where there is none: `[frames, bins] -> [frames, pairs]`.

    Of two neighbouring bins at most one is a peak, so each pair of bins has one entry.
    """
    bins = power.shape[-1]
    bin_hz = sample_rate_hz / (2 * (bins - 1))
    first, last = math.ceil(_LOW_HZ / bin_hz), min(math.ceil(_HIGH_HZ / bin_hz), bins - 1)
    floor = _PEAK_FRACTION * jnp.max(power, axis=-1, keepdims=True)

    def peaks_from(start: int) -> Array:
        before, centre, after = (power[:, start + i : last + i : 2] for i in (-1, 0, 1))
        left, right = (jnp.where(neighbour > floor, neighbour, 0.0) for neighbour in (before, after))
        peak = (centre > floor) & (centre > left) & (centre >= right) & mask[:, None]
        slope, curvature = 0.5 * (after - before), after + before - 2.0 * centre
        inside = jnp.abs(slope) < jnp.abs(curvature)
        shift = jnp.where(inside, -slope / jnp.where(curvature == 0.0, 1.0, curvature), 0.0)
        hz = (jnp.arange(start, last, 2, dtype=jnp.float32)[None, :] + shift) * bin_hz
        found = jnp.stack([hz, centre + 0.5 * slope * shift])
        return jnp.where(peak[None], found, 0.0)

    even, odd = peaks_from(first), peaks_from(first + 1)
    hz, height = even + jnp.pad(odd, ((0, 0), (0, 0), (0, even.shape[2] - odd.shape[2])))
    return hz, height


def _median(values: Float[Array, "*shape"]) -> Float[Array, ""]:
    """The exact median of the positive values, computed without sorting.

    Bit patterns of positive floats are ordered as the floats are, so bisection over the patterns
    ends at the value itself after 31 counts.
    """
    patterns = jax.lax.bitcast_convert_type(values, jnp.int32)
    bits = jnp.where(values > 0.0, patterns, _LARGEST).ravel()
    count = jnp.sum(values > 0.0, dtype=jnp.int32)

    def count_up_to(limit: Array) -> Array:
        return jnp.sum(bits <= limit, dtype=jnp.int32)

    def bisect(_: Int[Array, ""], span: tuple[Array, Array]) -> tuple[Array, Array]:
        low, high = span
        middle = low + (high - low) // 2
        enough = count_up_to(middle) > (count - 1) // 2
        return jnp.where(enough, low, middle + 1), jnp.where(enough, middle, high)

    lower, _ = jax.lax.fori_loop(0, 31, bisect, (jnp.int32(0), _LARGEST))
    above = jnp.min(jnp.where(bits > lower, bits, _LARGEST))
    upper = jnp.where(count_up_to(lower) > count // 2, lower, above)
    return jnp.mean(jax.lax.bitcast_convert_type(jnp.stack([lower, upper]), jnp.float32))
