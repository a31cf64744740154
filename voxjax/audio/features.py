"""From samples to a network's inputs: `vector` (the guide's 392 numbers) or `frames` (`[frames, channels]`)."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from voxjax.audio import dsp, filter_bank, levels
from voxjax.audio.each_clip import each_clip
from voxjax.audio.vector import vector
from voxjax.config import FeatureConfig, FrameFeatures, VectorFeatures, one_of

# Clips that a CPU computes at once, so that their spectra stay in its cache; those of `vector` are longer.
_AT_ONCE_FRAMES, _AT_ONCE_VECTOR = 4, 1
_TRIM_FRAMES = 4_096  # at once: a clip may last hours


def logmel(config: FrameFeatures, samples: Float[Array, " time"]) -> Float[Array, "frames mels"]:
    """Log-mel spectrogram in dB, floor -100 dB: `[time] -> [frames, mels]` (librosa's melspectrogram)."""
    power = dsp.power_spectrum(samples, config.window_samples, config.hop_samples)
    return dsp.power_to_db(filter_bank.apply(power, _filters(config)) + 10.0 ** (config.mel_noise_db / 10.0))


def mfcc(config: FrameFeatures, samples: Float[Array, " time"]) -> Float[Array, "frames mfcc"]:
    """Mel-frequency cepstral coefficients: `[time] -> [frames, mfcc]`.

    No floor below the clip's peak is applied (librosa's `top_db=None`), so that a frame depends on
    its own samples alone.
    """
    return dsp.project(logmel(config, samples), dsp.cosine_basis(config.mels, config.mfcc))


def energy(config: FrameFeatures, samples: Float[Array, " time"]) -> Float[Array, "frames 1"]:
    """Level in dB relative to full scale: `[time] -> [frames, 1]`."""
    return dsp.rms_db(samples, config.window_samples, config.hop_samples)[:, None]


def pitch(config: FrameFeatures, samples: Float[Array, " time"]) -> Float[Array, "frames 2"]:
    """Octaves above 100 Hz (0 where unvoiced) and strength of voicing: `[time] -> [frames, 2]`."""
    window = 2 * config.window_samples  # for two periods of the lowest pitch
    octaves, strength = dsp.voicing(samples, window, config.hop_samples, config.sample_rate_hz)
    return jnp.stack([jnp.where(strength > 0.5, octaves, 0.0), strength], axis=-1)


# A new group of channels is a function and a row: (config, samples [time]) -> [frames, channels].
CHANNELS = {"logmel": logmel, "mfcc": mfcc, "energy": energy, "pitch": pitch}


def frames(
    config: FrameFeatures, samples: Float[Array, " time"], length: Int[Array, ""]
) -> Float[Array, "frames channels"]:
    """The configured channels, concatenated, zero beyond the clip: `[time] -> [frames, channels]`."""
    for name in config.channels:
        one_of("features.channels", name, CHANNELS)
    together = jnp.concatenate([CHANNELS[name](config, samples) for name in config.channels], axis=-1)
    mask = dsp.frame_mask(length, together.shape[0], config.hop_samples)
    return jnp.where(mask[:, None], together, 0.0)


def is_over_time(config: FeatureConfig) -> bool:
    """Whether the positions of these features are moments in time."""
    return isinstance(config, FrameFeatures) or any(one.pooling == "none" for one in config.by_encoder)


def channel_spans(config: FrameFeatures) -> dict[str, tuple[int, int]]:
    """The range of each group of channels: name -> (first, one past the last)."""
    widths = {"logmel": config.mels, "mfcc": config.mfcc, "energy": 1, "pitch": 2}
    ends = np.cumsum([widths[name] for name in config.channels])
    return {n: (int(end) - widths[n], int(end)) for n, end in zip(config.channels, ends, strict=True)}


@functools.partial(jax.jit, static_argnums=0)
def extract(
    config: FeatureConfig, samples: Float[Array, "batch time"], lengths: Int[Array, " batch"]
) -> tuple[Float[Array, "batch T C"], Int[Array, " batch"]]:
    """Features of a batch of zero-padded clips.

    Args:
        config: the frozen feature config.
        samples: float32 `[batch, time]`, zeros beyond each length.
        lengths: int32 `[batch]`, in samples.

    Returns:
        `frames`: float32 `[batch, frames, channels]` and int32 `[batch]`, frames of each clip.
        `vector`: float32 `[batch, 392, 1]` and int32 `[batch]`, each 392.
    """
    samples = levels.apply(config.level, config.sample_rate_hz, samples, lengths)
    if isinstance(config, VectorFeatures):
        values = each_clip(functools.partial(vector, config), samples, lengths, at_once=_AT_ONCE_VECTOR)[..., None]
        return values, jnp.full(lengths.shape, values.shape[1], jnp.int32)
    if not isinstance(config, FrameFeatures):
        raise TypeError(f"features of kind {config.kind} are not computed from the signal alone")
    values = each_clip(functools.partial(frames, config), samples, lengths, at_once=_AT_ONCE_FRAMES)
    return values, dsp.frame_count(lengths, config.hop_samples)


def prepare(config: FeatureConfig, samples: Float[np.ndarray, " time"]) -> Float[np.ndarray, " trimmed"]:
    """The clip without silence at its ends and at the configured level, on the host: float32 `[time] -> [shorter]`."""
    return levels.BEFORE_WINDOWS[config.level](samples[trimmed(config, samples)])


def trimmed(config: FeatureConfig, samples: Float[np.ndarray, " time"]) -> slice:
    """The part from the first to the last frame within `trim_db` of the loudest (librosa's trim)."""
    hop = config.hop_samples
    step = _TRIM_FRAMES * hop
    power = np.concatenate([_frame_powers(samples[i : i + step], hop) for i in range(0, len(samples), step)])
    loud = np.flatnonzero(power > power.max() * 10.0 ** (-config.trim_db / 10.0))
    if not len(loud):
        return slice(0, len(samples))
    return slice(int(loud[0]) * hop, min(len(samples), (int(loud[-1]) + 1) * hop))


def _frame_powers(samples: Float[np.ndarray, " time"], hop: int) -> Float[np.ndarray, " frames"]:
    """Mean power of frames that do not overlap, the last one padded with zeros."""
    whole = len(samples) // hop
    parts = [samples[: whole * hop].reshape(whole, hop), samples[None, whole * hop :]]
    wide = [part.astype(np.float64) for part in parts if part.size]
    return np.concatenate([np.einsum("ij,ij->i", part, part) / hop for part in wide])


def windows(config: FeatureConfig, samples: Float[np.ndarray, " time"]) -> list[np.ndarray]:
    """The clip in near-equal windows of at most `max_duration_s`; a short clip is one window."""
    count = -(-len(samples) // config.max_samples)
    return np.array_split(samples, count) if count != 1 else [samples]


def _filters(config: FrameFeatures) -> np.ndarray:
    low_hz, high_hz = config.mel_low_hz, config.mel_high_hz
    return dsp.mel_filters(config.sample_rate_hz, config.window_samples, config.mels, low_hz, high_hz)


Extract = Callable[[Any, Any], tuple[Array, Array]]  # samples and lengths to features and lengths
