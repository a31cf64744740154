"""What a sound may ask for: limits that hold before memory is taken, and the error of a sound that can't be used."""

import dataclasses

from voxjax.errors import VoxJaxError


class AudioError(VoxJaxError):
    """Audio that can't be used; the message contains its path."""


@dataclasses.dataclass(frozen=True)
class AudioLimits:
    """Limits on one sound. What exceeds them is an `AudioError`, and is never held in memory.

    Attributes:
        max_duration_s: four hours, a long day in court or a podcast; at 16 kHz they take 0.9 GB.
        min_rate_hz: half of telephone's; below it there is no speech.
        max_rate_hz: twice the highest of studio converters.
        max_channels: a large microphone array's.
        max_file_bytes: of the encoded file; a WAV can't hold more than 4 GiB.
        max_decoded_bytes: of the mono mix in float32 at the file's own rate; four hours at 48 kHz are 2.6 GiB.
        max_decode_s: of the work of FFmpeg on one file; four hours of AAC take about a minute.
        max_peak: of float samples, where full scale is 1. Mixes above full scale are legal; integers in floats are not.
    """

    max_duration_s: float = 4 * 3_600.0
    min_rate_hz: int = 4_000
    max_rate_hz: int = 768_000
    max_channels: int = 64
    max_file_bytes: int = 2**32 - 2**16
    max_decoded_bytes: int = 3 * 2**30
    max_decode_s: float = 1_800.0
    max_peak: float = 8.0
