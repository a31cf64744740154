"""Chroma with librosa's estimate of tuning, on one clip."""

import functools
import math
from collections.abc import Callable

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
_UNTUNED = np.int32(_TUNINGS // 2)  # tuning 0, which librosa takes where there is no peak
_LARGEST = np.int32(2**31 - 1)
_FOLDS = 16  # parts that are added at once


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
    # The operands of a conditional are stored, so that peaks are not computed anew at each of their uses.
    hz, height = _peaks(power, mask, sample_rate_hz)
    return jax.lax.cond(jnp.any(mask), _fullest, lambda *_: _UNTUNED, hz, height)


def _fullest(hz: Float[Array, "frames pairs"], height: Float[Array, "frames pairs"]) -> Int[Array, ""]:
    """The fullest of the bins of the peaks' tuning: int32 `[]`."""
    counted = (height > 0.0) & (height >= _median(height))
    semitones = CLASSES * jnp.log2(jnp.maximum(hz, 1.0) / _A0_HZ) + 0.5
    residual = semitones - jnp.floor(semitones)  # `jnp.mod` is several times slower
    place = jnp.minimum((residual * _TUNINGS).astype(jnp.int32), _TUNINGS - 1)
    counts = jnp.zeros(_TUNINGS, jnp.int32).at[place.ravel()].add(counted.ravel().astype(jnp.int32))
    return jnp.where(jnp.sum(counts) > 0, jnp.argmax(counts).astype(jnp.int32), _UNTUNED)


def _peaks(
    power: Float[Array, "frames bins"], mask: Bool[Array, " frames"], sample_rate_hz: int
) -> tuple[Float[Array, "frames pairs"], Float[Array, "frames pairs"]]:
    """Spectral peaks as frequency and height, 0 where there is none: `[frames, bins] -> [frames, pairs]`.

    Of two neighbouring bins at most one is a peak, so each pair of bins has one entry.
    """
    bins = power.shape[-1]
    bin_hz = sample_rate_hz / (2 * (bins - 1))
    first, last = math.ceil(_LOW_HZ / bin_hz), min(math.ceil(_HIGH_HZ / bin_hz), bins - 1)
    pairs = (last - first + 1) // 2
    near = power[:, first - 1 : first + 1 + 2 * pairs]  # one bin more on both sides
    near = jnp.pad(near, ((0, 0), (0, 2 * pairs + 2 - near.shape[1])))
    even, odd = near[:, 0::2], near[:, 1::2]  # from which each neighbour is a slice without steps
    floor = jnp.where(mask, _PEAK_FRACTION * jnp.max(power, axis=-1), jnp.inf)[:, None]
    index = first + 2 * jnp.arange(pairs, dtype=jnp.float32)
    one, height = _peaks_of(even[:, :-1], odd[:, :-1], even[:, 1:], floor, index)
    floor = jnp.where(index + 1 < last, floor, jnp.inf)  # the last of an odd number of bins is alone
    other, other_height = _peaks_of(odd[:, :-1], even[:, 1:], odd[:, 1:], floor, index + 1)
    return (one + other) * bin_hz, height + other_height


def _peaks_of(
    before: Float[Array, "frames pairs"],
    centre: Float[Array, "frames pairs"],
    after: Float[Array, "frames pairs"],
    floor: Float[Array, "frames _"],
    index: Float[Array, " pairs"],
) -> tuple[Float[Array, "frames pairs"], Float[Array, "frames pairs"]]:
    """Position in bins, by parabolic interpolation, and height of the peaks above `floor`; 0 where there is none."""
    left, right = (jnp.where(neighbour > floor, neighbour, 0.0) for neighbour in (before, after))
    peak = (centre > floor) & (centre > left) & (centre >= right)
    slope, curvature = 0.5 * (after - before), after + before - 2.0 * centre
    inside = jnp.abs(slope) < jnp.abs(curvature)
    shift = jnp.where(inside, -slope / jnp.where(curvature == 0.0, 1.0, curvature), 0.0)
    return jnp.where(peak, index[None, :] + shift, 0.0), jnp.where(peak, centre + 0.5 * slope * shift, 0.0)


def _median(values: Float[Array, "*shape"]) -> Float[Array, ""]:
    """The exact median of the positive values, computed without sorting.

    Bit patterns of positive floats are ordered as the floats are, so bisection over the patterns
    ends at the value itself after 31 counts.
    """
    patterns = jax.lax.bitcast_convert_type(values, jnp.int32)
    bits = jnp.where(values > 0.0, patterns, _LARGEST).ravel()
    bits = jnp.pad(bits, (0, -bits.size % _FOLDS**2), constant_values=_LARGEST)

    def count_up_to(limit: Array | np.int32) -> Array:
        return jnp.sum(_folded(jnp.add, (bits <= limit).astype(jnp.int32)), dtype=jnp.int32)

    count = count_up_to(_LARGEST - 1)

    def bisect(_: Int[Array, ""], span: tuple[Array, Array]) -> tuple[Array, Array]:
        low, high = span
        middle = low + (high - low) // 2
        enough = count_up_to(middle) > (count - 1) // 2
        return jnp.where(enough, low, middle + 1), jnp.where(enough, middle, high)

    lower, _ = jax.lax.fori_loop(0, 31, bisect, (jnp.int32(0), _LARGEST))
    above = jnp.min(_folded(jnp.minimum, jnp.where(bits > lower, bits, _LARGEST)))
    upper = jnp.where(count_up_to(lower) > count // 2, lower, above)
    return jnp.mean(jax.lax.bitcast_convert_type(jnp.stack([lower, upper]), jnp.float32))


def _folded(combine: Callable[[Array, Array], Array], values: Int[Array, " N"]) -> Int[Array, " N//256"]:
    """Sixteen parts of the values combined number by number, twice.

    XLA's own sums over many numbers use no vector instructions on a CPU.
    """
    for _ in range(2):
        values = functools.reduce(combine, jnp.split(values, _FOLDS))
    return values
