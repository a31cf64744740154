"""The short-time Fourier transform and its inverse, differentiable: sound that is changed by time and frequency."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex64, Float

from voxjax.audio import dsp

_HOP_S = 0.008
_OVERLAP = 4  # hops in a window: the squares of its Hann windows then sum to a constant
_SUM_OF_SQUARES = 1.5


class Stft(NamedTuple):
    """Sizes of the transform. Frame `i` is centred on sample `(i + 1) * hop_samples - window_samples / 2`."""

    rate_hz: int
    hop_samples: int

    @property
    def window_samples(self) -> int:
        return _OVERLAP * self.hop_samples

    def frames(self, samples: int) -> int:
        """Number of frames that overlap this many samples."""
        return -(-samples // self.hop_samples) + _OVERLAP - 1

    def times_s(self, frames: int) -> Float[np.ndarray, " {frames}"]:
        """Centres of frames, in seconds; those of the first and the last are outside the sound."""
        return ((np.arange(frames) + 1) * self.hop_samples - self.window_samples / 2) / self.rate_hz

    def bins_hz(self) -> Float[np.ndarray, " bins"]:
        """Frequencies of bins."""
        return np.fft.rfftfreq(self.window_samples, 1 / self.rate_hz)


def at_rate(rate_hz: int) -> Stft:
    """Windows of 32 ms every 8 ms, which resolve pitch and syllables."""
    return Stft(rate_hz, round(_HOP_S * rate_hz))


def spectrum(sizes: Stft, samples: Float[Array | np.ndarray, " time"]) -> Complex64[Array, "frames bins"]:
    """The spectrum of a sound: float32 `[time] -> [frames, bins]`."""
    ahead = sizes.window_samples - sizes.hop_samples
    framed = dsp.frames_from(
        jnp.pad(jnp.asarray(samples), (ahead, 0)), sizes.frames(len(samples)), sizes.window_samples, sizes.hop_samples
    )
    return jnp.fft.rfft(framed * dsp.hann(sizes.window_samples)[None, :])


def scaled(
    spectrum: Complex64[Array, "frames bins"], gains: Float[Array | np.ndarray, "frames bins"]
) -> Complex64[Array, "frames bins"]:
    """The spectrum with its magnitudes multiplied, phases kept."""
    return jax.lax.complex(spectrum.real * gains, spectrum.imag * gains)


def samples(sizes: Stft, spectrum: Complex64[Array, "frames bins"], time: int) -> Float[Array, " {time}"]:
    """The sound of a spectrum, by weighted overlap and addition (Griffin and Lim 1984): float32 `[time]`.

    The inverse of `spectrum`; a spectrum that is none of a sound gives the sound whose own spectrum is nearest.
    """
    windowed = jnp.fft.irfft(spectrum, sizes.window_samples) * dsp.hann(sizes.window_samples)[None, :]
    hops = windowed.reshape(spectrum.shape[0], _OVERLAP, sizes.hop_samples)
    late = _OVERLAP - 1
    total = jnp.sum(jnp.stack([jnp.pad(hops[:, i], ((i, late - i), (0, 0))) for i in range(_OVERLAP)]), axis=0)
    return total.reshape(-1)[late * sizes.hop_samples :][:time] / _SUM_OF_SQUARES
