"""Levels of clips: as recorded, at one peak, or at one level of active speech.

A recorder's gain then says nothing, nor does the distance of the microphone; how loud somebody speaks is lost too.
"""

from collections.abc import Callable

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

ACTIVE_DB = 35.0  # frames this far below the loudest are pauses
SPEECH_LEVEL = 10.0 ** (-26.0 / 20.0)  # root mean square of active speech at full scale 1, as in ITU-T P.56
_LEAST = 1e-4  # root mean square, below which a clip is not amplified further
_FRAMES_A_SECOND = 100

# On the host, of a whole clip: `[time] -> [time]`.
BEFORE_WINDOWS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "keep": lambda samples: samples,
    "peak": lambda samples: samples / max(float(np.max(np.abs(samples))), 1e-4),
    "speech": lambda samples: samples,  # in the compiled program, by `at_speech_level`
}


def apply(
    level: str,
    rate_hz: int,
    samples: Float[Array | np.ndarray, "batch time"],
    lengths: Int[Array | np.ndarray, " batch"],
) -> Float[Array, "batch time"]:
    """The windows of clips at the level that features have; those of other levels than "speech" are unchanged."""
    return at_speech_level(rate_hz, samples, lengths) if level == "speech" else jnp.asarray(samples)


def at_speech_level(
    rate_hz: int, samples: Float[Array | np.ndarray, "batch time"], lengths: Int[Array | np.ndarray, " batch"]
) -> Float[Array, "batch time"]:
    """Windows whose active frames have a root mean square of `SPEECH_LEVEL`.

    Active are frames of 10 ms within 35 dB of the loudest. More padding changes nothing.

    Args:
        rate_hz: of the samples.
        samples: zeros beyond each length.
        lengths: in samples.
    """
    hop = rate_hz // _FRAMES_A_SECOND
    padded = jnp.pad(samples, ((0, 0), (0, -samples.shape[1] % hop)))
    frames = padded.reshape(samples.shape[0], -1, hop)
    energy = jnp.sum(jnp.square(frames), axis=2)  # [batch, frames]
    starts = jnp.arange(frames.shape[1]) * hop
    valid = jnp.clip(lengths[:, None] - starts[None, :], 0, hop).astype(jnp.float32)  # samples of each frame
    power = energy / jnp.maximum(valid, 1.0)
    loudest = jnp.max(power, axis=1, keepdims=True)
    active = power > loudest * 10.0 ** (-ACTIVE_DB / 10.0)
    count = jnp.maximum(jnp.sum(jnp.where(active, valid, 0.0), axis=1), 1.0)
    rms = jnp.sqrt(jnp.sum(jnp.where(active, energy, 0.0), axis=1) / count)
    return jnp.asarray(samples) * (SPEECH_LEVEL / jnp.maximum(rms, _LEAST))[:, None]
