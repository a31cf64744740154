"""The spectrum of a clip in patches of time and band, and the clip with some of them lowered to its noise floor."""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Complex64, Float, Float32, Int

from voxjax.audio import dsp, stft
from voxjax.audio.stft import Stft

_FLOOR_QUANTILE = 0.1  # of the magnitudes of a bin: what is there when nobody speaks
_FLOOR_SMOOTHED_BINS = 9  # a single bin's quantile is uncertain in a short clip
_RANGE_DB = 60.0  # below the clip's loudest cell: the floor where a sound has digital zeros
_BATCH = 16  # clips made at once


class Division(NamedTuple):
    """How a clip is divided into patches.

    Attributes:
        patch_s: duration of a patch, about; a clip has a whole number of equal ones. A syllable takes 0.2 s; shorter
            patches leave so much of a vowel that no single one matters.
        bands: of equal width in mel, from 0 to half the sample rate.
    """

    patch_s: float = 0.3
    bands: int = 6


class Grid(NamedTuple):
    """The patches of a clip: `T` times by `B` bands, numbered by time first."""

    edges_s: Float[np.ndarray, " T+1"]
    edges_hz: Float[np.ndarray, " B+1"]

    @property
    def shape(self) -> tuple[int, int]:
        """`T` and `B`."""
        return len(self.edges_s) - 1, len(self.edges_hz) - 1


class PatchedClip(NamedTuple):
    """A clip that can be made without some of its patches.

    Attributes:
        grid: its patches.
        sizes: of the transform.
        time: its samples; the spectrum goes on with zeros.
        spectrum: complex, `[frames, bins]`.
        log_gains: natural logarithm of what lowers each cell to the noise floor; 0 for cells that are not above it.
        patch_of_cell: number of the patch of each cell.
    """

    grid: Grid
    sizes: Stft
    time: int
    spectrum: Complex64[Array, "frames bins"]
    log_gains: Float32[np.ndarray, "frames bins"]
    patch_of_cell: Int[np.ndarray, "frames bins"]


def divided(duration_s: float, rate_hz: int, division: Division) -> Grid:
    """The patches of a clip of this duration."""
    times = max(1, round(duration_s / division.patch_s))
    mels = np.linspace(0.0, float(dsp.hz_to_mel(rate_hz / 2)), division.bands + 1)
    return Grid(np.linspace(0.0, duration_s, times + 1), dsp.mel_to_hz(mels))


def patched(
    clip: Float32[np.ndarray, " time"], rate_hz: int, division: Division, padded: int | None = None
) -> PatchedClip:
    """A clip with its patches.

    Args:
        clip: its samples.
        rate_hz: their rate.
        division: into patches.
        padded: number of samples that the spectrum covers, so that clips share compiled programs.
    """
    sizes = stft.at_rate(rate_hz)
    grid = divided(len(clip) / rate_hz, rate_hz, division)
    spectrum = _spectrum(sizes, np.pad(clip, (0, (padded or len(clip)) - len(clip))))
    magnitudes = np.abs(np.asarray(spectrum))
    floor = noise_floor(magnitudes[: sizes.frames(len(clip))])
    log_gains = np.minimum(0.0, np.log(floor) - np.log(np.maximum(magnitudes, np.finfo(np.float32).tiny)))
    times, bands = grid.shape
    time = np.searchsorted(grid.edges_s, sizes.times_s(len(magnitudes)), "right") - 1
    band = np.searchsorted(grid.edges_hz, sizes.bins_hz(), "right") - 1
    cells = np.clip(time, 0, times - 1)[:, None] * bands + np.clip(band, 0, bands - 1)[None, :]
    return PatchedClip(grid, sizes, len(clip), spectrum, log_gains.astype(np.float32), cells)


def noise_floor(magnitudes: Float[np.ndarray, "frames bins"]) -> Float[np.ndarray, "1 bins"]:
    """The clip's own noise in each bin, at least 60 dB below the loudest cell: `[frames, bins] -> [1, bins]`.

    A patch is lowered to it, and not to digital zeros, which no recording has and no model was trained on.
    """
    quiet = np.quantile(magnitudes, _FLOOR_QUANTILE, axis=0)
    half = _FLOOR_SMOOTHED_BINS // 2
    mirrored = np.pad(quiet, half, mode="reflect")
    smooth = np.convolve(mirrored, np.full(_FLOOR_SMOOTHED_BINS, 1 / _FLOOR_SMOOTHED_BINS), "valid")
    lowest = max(float(magnitudes.max()) * 10.0 ** (-_RANGE_DB / 20.0), 1e-30)
    return np.maximum(smooth, lowest)[None, :]


def without(clip: PatchedClip, removed: Bool[np.ndarray, "N patches"]) -> Float32[np.ndarray, "N time"]:
    """The clip with sets of patches lowered to the noise floor, phases kept: `[N, time]`.

    Args:
        clip: the clip.
        removed: for each result, which patches.
    """
    made = []
    for start in range(0, len(removed), _BATCH):
        rows = removed[start : start + _BATCH]
        rows_padded = np.pad(rows, ((0, _BATCH - len(rows)), (0, 0)))
        cells = rows_padded[:, clip.patch_of_cell]  # [_BATCH, frames, bins]
        made.append(np.asarray(_lowered(clip.sizes, clip.spectrum, clip.log_gains, cells))[: len(rows), : clip.time])
    return np.concatenate(made)


@functools.partial(jax.jit, static_argnums=0)
def _spectrum(sizes: Stft, samples: Float[np.ndarray, " time"]) -> Complex64[Array, "frames bins"]:
    return stft.spectrum(sizes, samples)


@functools.partial(jax.jit, static_argnums=0)
def _lowered(
    sizes: Stft,
    spectrum: Complex64[Array, "frames bins"],
    log_gains: Float[Array, "frames bins"],
    cells: Bool[Array, "N frames bins"],
) -> Float[Array, "N time"]:
    time = (spectrum.shape[0] + 1) * sizes.hop_samples - sizes.window_samples
    gains = jnp.exp(jnp.where(cells, log_gains[None], 0.0))
    return jax.vmap(lambda own: stft.samples(sizes, stft.scaled(spectrum, own), time))(gains)


def patch_sums(clip: PatchedClip, cells: Float[np.ndarray, "frames bins"]) -> Float[np.ndarray, "T B"]:
    """Sums over the cells of each patch."""
    times, bands = clip.grid.shape
    return np.bincount(clip.patch_of_cell.ravel(), cells.ravel(), minlength=times * bands).reshape(times, bands)


def changeable(clip: PatchedClip, used: slice) -> Bool[np.ndarray, " patches"]:
    """The patches that have cells above the noise floor, and sound that the model does not trim.

    Args:
        clip: the clip.
        used: the samples that are left after trimming.
    """
    spread_s = clip.sizes.window_samples / clip.sizes.rate_hz  # a patch reaches this far beyond its edges
    first_s, last_s = used.start / clip.sizes.rate_hz - spread_s, used.stop / clip.sizes.rate_hz + spread_s
    inside = (clip.grid.edges_s[1:] > first_s) & (clip.grid.edges_s[:-1] < last_s)  # [T]
    above = patch_sums(clip, (clip.log_gains < 0.0).astype(float)) > 0  # [T, B]
    return (above & inside[:, None]).ravel()


def levels_db(clip: PatchedClip) -> Float[np.ndarray, "frames bins"]:
    """Level of each cell in dB relative to the loudest, without what pads the clip."""
    power = np.square(np.abs(np.asarray(clip.spectrum[: clip.sizes.frames(clip.time)])))
    return 10.0 * np.log10(np.maximum(power / max(float(power.max()), 1e-30), 1e-10))


def energies(clip: PatchedClip) -> Float[np.ndarray, "T B"]:
    """Energy of each patch, in squares of magnitudes."""
    return patch_sums(clip, np.square(np.abs(np.asarray(clip.spectrum)), dtype=np.float64))
