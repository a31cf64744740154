"""Signal processing on one clip: framing, spectra, mel and cosine transforms, voicing.

Every function takes one zero-padded clip, `samples [time]`, and is vmapped by its caller. Frame t is
centred on sample `t * hop_samples` and the clip is padded with zeros, as librosa's `center=True,
pad_mode="constant"` does, so zero padding at the end of a batch row changes no frame of the clip.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

_EXACT = jax.lax.Precision.HIGHEST  # accelerators would round filter banks to TF32 or bfloat16
_DB_FLOOR_POWER = 1e-10  # librosa's `amin` for power


def frame_count(length: Int[Array, "*batch"], hop_samples: int) -> Int[Array, "*batch"]:
    """Number of frames in a clip of `length` samples: one centred on each hop, the first on sample 0."""
    return length // hop_samples + 1


def frame_mask(length: Int[Array, ""], frames: int, hop_samples: int) -> Bool[Array, " {frames}"]:
    """True for the frames of the clip, False for padding: `[] -> bool [frames]`."""
    return jnp.arange(frames) < frame_count(length, hop_samples)


def frame(
    samples: Float[Array, " time"], window_samples: int, hop_samples: int
) -> Float[Array, "time//{hop_samples}+1 {window_samples}"]:
    """Overlapping frames, centred: `[time] -> [frames, window]`, frames = time // hop + 1."""
    frames = samples.shape[-1] // hop_samples + 1
    return frames_from(jnp.pad(samples, (window_samples // 2, 0)), frames, window_samples, hop_samples)


def frames_from(
    samples: Float[Array, " time"], frames: int, window_samples: int, hop_samples: int
) -> Float[Array, "{frames} {window_samples}"]:
    """Overlapping frames from the first sample on, zero-padded at the end: `[time] -> [frames, window]`.

    Built from slices of hops that are stacked, which XLA compiles to copies of whole hops; concatenated along the
    window they would be copied number by number, and so would those of a gather by index.
    """
    blocks = -(-window_samples // hop_samples)  # hops that a window overlaps
    total = (frames + blocks - 1) * hop_samples
    padded = jnp.pad(samples, (0, max(0, total - samples.shape[-1])))[:total]
    hops = padded.reshape(-1, hop_samples)  # [frames + blocks - 1, hop]
    parts = jnp.stack([hops[i : i + frames] for i in range(blocks)], axis=1)  # [frames, blocks, hop]
    return parts.reshape(frames, blocks * hop_samples)[:, :window_samples]


@functools.cache
def hann(window_samples: int) -> Float[np.ndarray, " {window_samples}"]:
    """Periodic Hann window, float32 `[window]`."""
    phase = 2 * np.pi * np.arange(window_samples) / window_samples
    return (0.5 - 0.5 * np.cos(phase)).astype(np.float32)


def power_spectrum(
    samples: Float[Array, " time"], window_samples: int, hop_samples: int
) -> Float[Array, "time//{hop_samples}+1 {window_samples}//2+1"]:
    """Squared magnitude of the short-time Fourier transform: `[time] -> [frames, window // 2 + 1]`."""
    windowed = frame(samples, window_samples, hop_samples) * hann(window_samples)[None]
    spectrum = jnp.fft.rfft(windowed)
    return jnp.square(spectrum.real) + jnp.square(spectrum.imag)


def hz_to_mel(hz: Float[np.ndarray, "*shape"] | float) -> Float[np.ndarray, "*shape"]:
    """Slaney's mel scale (Auditory Toolbox, 1998): linear below 1 kHz, logarithmic above."""
    linear = hz / (200.0 / 3.0)
    return np.where(hz < 1_000.0, linear, 15.0 + 27.0 * np.log(np.maximum(hz, 1.0) / 1_000.0) / np.log(6.4))


def mel_to_hz(mel: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
    """The inverse of `hz_to_mel`."""
    return np.where(mel < 15.0, mel * 200.0 / 3.0, 1_000.0 * np.exp((mel - 15.0) * np.log(6.4) / 27.0))


@functools.cache
def mel_filters(
    sample_rate_hz: int, window_samples: int, mels: int, low_hz: float, high_hz: float
) -> Float[np.ndarray, "{window_samples}//2+1 {mels}"]:
    """Triangular filters of unit area: float32 `[window // 2 + 1, mels]`.

    Equal to `librosa.filters.mel` within one rounding of float32. librosa itself is not used, as its import takes
    seconds, and its last bits would change the predictions of trained models.
    """
    bins_hz = np.linspace(0.0, sample_rate_hz / 2, window_samples // 2 + 1)
    ends = hz_to_mel(np.array([low_hz, high_hz]))
    corners_hz = mel_to_hz(np.linspace(ends[0], ends[1], mels + 2))
    widths_hz = np.diff(corners_hz)
    slopes = corners_hz[:, None] - bins_hz[None, :]  # [mels + 2, bins]
    rising = -slopes[:-2] / widths_hz[:-1, None]
    falling = slopes[2:] / widths_hz[1:, None]
    triangles = np.maximum(0.0, np.minimum(rising, falling))
    area = 2.0 / (corners_hz[2:] - corners_hz[:-2])
    return (triangles * area[:, None]).T.astype(np.float32)


@functools.cache
def cosine_basis(mels: int, coefficients: int) -> Float[np.ndarray, "{mels} {coefficients}"]:
    """Orthonormal DCT-II, float32 `[mels, coefficients]`, as librosa's MFCC uses."""
    angle = np.pi / mels * (np.arange(mels)[:, None] + 0.5) * np.arange(coefficients)[None, :]
    basis = np.sqrt(2.0 / mels) * np.cos(angle)
    basis[:, 0] /= np.sqrt(2.0)
    return basis.astype(np.float32)


def project(
    inputs: Float[Array, "... bins"], filters: Float[Array | np.ndarray, "... bins filters"]
) -> Float[Array, "... filters"]:
    """A filter bank applied in full precision: `[..., bins] -> [..., filters]`."""
    return jnp.matmul(inputs, filters, precision=_EXACT)


def power_to_db(power: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """Decibels relative to 1, no lower than -100 dB: any shape."""
    return 10.0 * jnp.log10(jnp.maximum(power, _DB_FLOOR_POWER))


def floor_below_peak(
    level_db: Float[Array, "frames bands"], mask: Bool[Array, " frames"], range_db: float
) -> Float[Array, "frames bands"]:
    """Raises everything to at least `range_db` below the clip's loudest value: `[frames, bands]`.

    librosa's `top_db`. The peak is searched for in the frames where `mask [frames]` is true.
    """
    peak_db = jnp.max(jnp.where(mask[:, None], level_db, -jnp.inf))
    return jnp.maximum(level_db, peak_db - range_db)


def rms_db(
    samples: Float[Array, " time"], window_samples: int, hop_samples: int
) -> Float[Array, " time//{hop_samples}+1"]:
    """Level of each frame, unwindowed, in dB relative to full scale: `[time] -> [frames]`."""
    return power_to_db(jnp.mean(jnp.square(frame(samples, window_samples, hop_samples)), axis=-1))


def voicing(
    samples: Float[Array, " time"], window_samples: int, hop_samples: int, sample_rate_hz: int
) -> tuple[Float[Array, " time//{hop_samples}+1"], Float[Array, " time//{hop_samples}+1"]]:
    """Pitch and periodicity of each frame from its autocorrelation.

    The autocorrelation of the Hann-windowed frame is divided by the window's own (Boersma 1993), so
    a periodic frame has a peak near 1 at its period. Lags of 75 to 500 Hz are searched.

    Returns:
        log2 of the fundamental over 100 Hz, `[frames]`, and the peak's height in [0, 1], `[frames]`.
    """
    window = hann(window_samples)
    low, high = sample_rate_hz // 500, min(sample_rate_hz // 75, window_samples // 2)
    frames = frame(samples, window_samples, hop_samples)
    frames = (frames - jnp.mean(frames, axis=-1, keepdims=True)) * window[None]
    ratio = _autocorrelation(frames) / jnp.maximum(_autocorrelation(window[None]), 1e-3)
    ratio = ratio[:, low:high] / jnp.maximum(ratio[:, :1], _DB_FLOOR_POWER)
    # Multiples of the period have peaks of equal height: a small slope prefers the shortest.
    lags = jnp.arange(low, high, dtype=jnp.float32)
    best = jnp.argmax(ratio - 0.05 * jnp.log2(lags / low)[None, :], axis=-1)
    strength = jnp.take_along_axis(ratio, best[:, None], axis=-1)[:, 0]
    period_s = lags[best] / sample_rate_hz
    return jnp.log2(1.0 / (100.0 * period_s)), jnp.clip(strength, 0.0, 1.0)


def interpolate(rows: Float[Array, "N C"], places: Float[Array, " M"], last: Float[Array, ""]) -> Float[Array, "M C"]:
    """Rows at fractional positions, interpolated linearly and clamped to `[0, last]`: `[N, C], [M] -> [M, C]`."""
    places = jnp.clip(places, 0.0, last)
    before = jnp.floor(places).astype(jnp.int32)
    after = jnp.minimum(before + 1, last.astype(jnp.int32))
    part = (places - before.astype(jnp.float32))[:, None]
    return (1.0 - part) * rows[before] + part * rows[after]


def _autocorrelation(frames: Float[Array | np.ndarray, "frames window"]) -> Float[Array, "frames window"]:
    """`[frames, window] -> [frames, window]`, normalised by the window length."""
    size = 2 * frames.shape[-1]
    spectrum = jnp.fft.rfft(frames, size)
    power = jnp.square(spectrum.real) + jnp.square(spectrum.imag)
    return jnp.fft.irfft(power, size)[..., : frames.shape[-1]] / frames.shape[-1]
