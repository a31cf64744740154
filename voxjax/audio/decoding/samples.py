"""Samples of one stream as blocks, whatever decodes it, and the checks that all decoders share."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from voxjax.audio.limits import AudioError, AudioLimits
from voxjax.errors import mismatch

BLOCK_SAMPLES = 2**18  # of all channels together


class Blocks(NamedTuple):
    """The samples of one stream, to be read once."""

    rate_hz: int
    channels: int
    blocks: Iterator[np.ndarray]  # float32 [time, channels] each


def check_format(rate_hz: int, channels: int, name: str, limits: AudioLimits) -> None:
    """Checks the rate and the number of channels against the limits.

    Raises:
        AudioError: with the limit.
    """
    if not limits.min_rate_hz <= rate_hz <= limits.max_rate_hz:
        expected = f"a sample rate from {limits.min_rate_hz} to {limits.max_rate_hz} Hz"
        do = "check the rate in its header, or resample it"
        raise AudioError(mismatch(name, expected, f"{rate_hz} Hz", do))
    if channels > limits.max_channels:
        found = f"{channels} channels"
        raise AudioError(mismatch(name, f"at most {limits.max_channels} channels", found, "take out one channel"))


def cut_off(name: str, expected: str, found: str) -> AudioError:
    """The error of a sound of which a part is missing."""
    return AudioError(mismatch(name, expected, found + ", it was cut off", "copy or record the file again"))


def float32(samples: np.ndarray) -> np.ndarray:
    """Samples in float32 at full scale 1; unsigned integers around their middle."""
    if np.issubdtype(samples.dtype, np.integer):
        middle = 0.0 if np.issubdtype(samples.dtype, np.signedinteger) else 1.0
        samples = samples / 2.0 ** (8 * samples.dtype.itemsize - 1) - middle
    with np.errstate(over="ignore"):  # infinite values are found where samples are mixed
        return samples.astype(np.float32)
