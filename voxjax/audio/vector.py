"""`vector`: the training guide's 392 numbers of a clip, equal to librosa's."""

import functools

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from voxjax.audio import chroma, dsp, filter_bank
from voxjax.config import VectorFeatures

MFCC, MELS, CHROMA = 40, 128, chroma.CLASSES
SIZE = 6 * MFCC + 2 * CHROMA + MELS
COLUMN_NAMES = tuple(
    [f"{part}_{figure}_{i}" for part in ("mfcc", "delta", "delta2") for figure in ("mean", "std") for i in range(MFCC)]
    + [f"chroma_{figure}_{i}" for figure in ("mean", "std") for i in range(CHROMA)]
    + [f"mel_mean_{i}" for i in range(MELS)]
)

_WIDTH = 9  # frames of librosa's differences
_RANGE_DB = 80.0  # librosa's `top_db`


def vector(config: VectorFeatures, samples: Float[Array, " time"], length: Int[Array, ""]) -> Float[Array, "392"]:
    """Means and deviations over the frames of a clip.

    MFCC 40, their first and second differences: mean and deviation each; chroma 12: mean and
    deviation; mel power 128: mean. Equal to `librosa.feature` with its defaults at the config's
    window and hop (2,048 and 512 samples are librosa's own), within 3e-5 of each number's deviation
    over RAVDESS. Chroma depends on an estimate of tuning in which rounding decides between bins of equal count: it
    equals librosa's for 96 % of clips, and librosa in float32 equals librosa in float64 for 97 %.

    Args:
        config: rate, window and hop.
        samples: float32 `[time]`, zeros beyond the clip.
        length: int32 `[]`, in samples. With fewer than 9 frames, where librosa raises an error,
            differences use zero for frames beyond the clip.

    Returns:
        float32 `[392]`, in the order of `COLUMN_NAMES`.
    """
    rate_hz, window, hop = config.sample_rate_hz, config.window_samples, config.hop_samples
    power = dsp.power_spectrum(samples, window, hop)
    mask = dsp.frame_mask(length, power.shape[0], hop)
    mel = filter_bank.apply(power, dsp.mel_filters(rate_hz, window, MELS, 0.0, rate_hz / 2))
    level_db = dsp.floor_below_peak(dsp.power_to_db(mel), mask, _RANGE_DB)
    mfcc = jnp.where(mask[:, None], dsp.project(level_db, dsp.cosine_basis(MELS, MFCC)), 0.0)
    count = dsp.frame_count(length, hop)
    tones = chroma.chroma(power, mask, rate_hz, jnp.asarray(chroma.filters(rate_hz, window)))
    parts = [mfcc, difference(mfcc, count, 1), difference(mfcc, count, 2), tones]
    figures = [figure for part in parts for figure in _mean_and_deviation(part, mask)]
    return jnp.concatenate([*figures, _mean_and_deviation(mel, mask)[0]])


def difference(rows: Float[Array, "frames C"], count: Int[Array, ""], order: int) -> Float[Array, "frames C"]:
    """Slope (order 1) or curvature (order 2) over 9 frames: `[frames, C] -> [frames, C]`.

    Savitzky-Golay, as `librosa.feature.delta`: the first and last four frames take the polynomial of
    the nearest nine, whose highest derivative is the same throughout.
    """
    half = _WIDTH // 2
    weights = _difference_weights(order)
    padded = jnp.pad(rows, ((half, half), (0, 0)))
    frames = rows.shape[0]
    inner = jnp.zeros_like(rows)
    for i, weight in enumerate(weights):
        inner += float(weight) * padded[i : i + frames]
    place = jnp.clip(jnp.arange(frames), half, jnp.maximum(count - 1 - half, half))
    return inner[place]


@functools.cache
def _difference_weights(order: int) -> np.ndarray:
    from scipy.signal import savgol_coeffs  # slow to import, and only `vector` needs it

    return savgol_coeffs(_WIDTH, order, deriv=order, use="dot")


def _mean_and_deviation(
    rows: Float[Array, "frames C"], mask: Bool[Array, " frames"]
) -> tuple[Float[Array, " C"], Float[Array, " C"]]:
    """Mean and standard deviation over the frames of the clip: `[frames, C] -> [C], [C]`."""
    count = jnp.sum(mask, dtype=jnp.float32)
    mean = jnp.sum(jnp.where(mask[:, None], rows, 0.0), axis=0) / count
    square = jnp.where(mask[:, None], jnp.square(rows - mean[None, :]), 0.0)
    return mean, jnp.sqrt(jnp.sum(square, axis=0) / count)
