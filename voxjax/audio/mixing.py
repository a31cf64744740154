"""One channel from blocks of many, in bounded memory: checked values, no constant offset, the level kept."""

import math
from collections.abc import Callable, Iterable

import numpy as np
import soxr

from voxjax.audio.decoding.blocks import Blocks
from voxjax.audio.limits import AudioError, AudioLimits
from voxjax.errors import mismatch

MIN_DURATION_S = 0.1  # shorter than a syllable
SILENCE_PEAK = 1e-4  # -80 dBFS: below the noise of a quiet room
_AT_ONCE = 2**18  # samples of a sound that may last hours
FRAME_S = 0.01  # its swing counts, so that a step of the offset is one loud frame
SHORTEST_SOUND_S = 0.05  # in all: clicks alone are silence
_CANCELLED = 0.5  # power of the mix relative to channels with nothing in common: their correlation is below -0.5
_AS_LOUD = 0.8  # of the loudest channel's power, -1 dB: the first such channel is taken
_INTEGER_SCALES = (2.0**15, 2.0**23, 2.0**31)


class Mono:
    """A mono signal at its own rate, which grows by blocks.

    Args:
        name: for messages.
        limits: on its length.
    """

    def __init__(self, name: str, limits: AudioLimits) -> None:
        self.name, self.limits = name, limits
        self.rate_hz = 0
        self.samples = 0
        self._buffer = np.empty(0, np.float32)  # the samples and room for more
        self._sum = 0.0

    def add(self, blocks: Blocks, channel: int | None = None) -> int | None:
        """Adds a stream: one of its channels, or their mean.

        Returns:
            The loudest channel if the channels cancel each other in the mean, else None.

        Raises:
            AudioError: at another rate than before, values that can't be sound, and beyond the limits.
        """
        check_same_rate(self.rate_hz, blocks.rate_hz, self.name)
        self.rate_hz = blocks.rate_hz
        powers = Powers(blocks.channels)
        for block in blocks.blocks:
            check_values(block, self.name, self.limits)
            mono = block.mean(axis=1, dtype=np.float32) if channel is None else block[:, channel]
            powers.add(block, mono)
            self._append(mono)
        return powers.cancelled()

    def resampled(self, sample_rate_hz: int) -> np.ndarray:
        """The signal without its constant offset at another rate: float32 `[time]`. To be called once.

        Raises:
            AudioError: where it is too short or silent, or has values that are not finite.
        """
        check_long_enough(self.samples, self.rate_hz, self.name)
        self._buffer.resize(self.samples, refcheck=False)
        samples, self._buffer = self._buffer, np.empty(0, np.float32)
        offset = self._sum / self.samples
        for part in np.split(samples, range(_AT_ONCE, len(samples), _AT_ONCE)):
            part[:] = part.astype(np.float64) - offset
        if self.rate_hz != sample_rate_hz:
            samples = _resampled(samples, self.rate_hz, sample_rate_hz)
        self._check(samples, sample_rate_hz)
        return samples

    def _append(self, mono: np.ndarray) -> None:
        before, self.samples = self.samples, self.samples + len(mono)
        self._sum += float(mono.sum(dtype=np.float64))
        if self.samples > self.limits.max_duration_s * self.rate_hz:
            expected = f"at most {self.limits.max_duration_s / 60:g} minutes"
            raise AudioError(mismatch(self.name, expected, "more", "cut it into parts"))
        if self.samples * mono.itemsize > self.limits.max_decoded_bytes:
            expected = f"at most {self.limits.max_decoded_bytes} bytes when decoded"
            raise AudioError(mismatch(self.name, expected, "more", "cut it into parts, or lower its sample rate"))
        if self.samples > len(self._buffer):
            size = max(self.samples, before + before // 4)
            self._buffer.resize(size, refcheck=False)  # a large one moves without a copy
        self._buffer[before : self.samples] = mono

    def _check(self, samples: np.ndarray, sample_rate_hz: int) -> None:
        if not math.isfinite(float(samples.min())) or not math.isfinite(float(samples.max())):
            found = "some that are not after mixing and resampling"
            raise AudioError(mismatch(self.name, "finite samples", found, "export it again"))
        check_sound(sound_s(samples, sample_rate_hz), self.name)


def sound_s(samples: np.ndarray, rate_hz: int) -> float:
    """Seconds of samples `[time]` that are not silence, in frames of 10 ms."""
    frame = round(FRAME_S * rate_hz)
    swings = np.ptp(samples[: len(samples) // frame * frame].reshape(-1, frame), axis=1) / 2
    return np.count_nonzero(swings >= SILENCE_PEAK) * FRAME_S


def check_sound(duration_s: float, name: str) -> None:
    """Checks that a signal holds more than clicks.

    Args:
        duration_s: of its sound, as `sound_s`.
        name: for the message.

    Raises:
        AudioError: at silence.
    """
    if duration_s < SHORTEST_SOUND_S:
        raise AudioError(mismatch(name, "speech", "silence", "check the microphone and the channel"))


def _resampled(samples: np.ndarray, rate_hz: int, to_hz: int) -> np.ndarray:
    """The signal at another rate: float32 `[time]`; equal to `soxr.resample`, in less memory."""
    out = np.empty(math.ceil(len(samples) * to_hz / rate_hz) + 1, np.float32)
    stream = soxr.ResampleStream(rate_hz, to_hz, 1, dtype="float32")
    filled = 0
    for start in range(0, len(samples), _AT_ONCE):
        part = stream.resample_chunk(samples[start : start + _AT_ONCE], last=start + _AT_ONCE >= len(samples))
        out[filled : filled + len(part)] = part
        filled += len(part)
    return out[:filled]


def mix(streams: Callable[[], Iterable[Blocks]], name: str, limits: AudioLimits) -> Mono:
    """The mean of the channels; where they cancel each other, the loudest of them.

    Args:
        streams: starts reading a sound, and is called again where channels cancel.
        name: for messages.
        limits: on the sound.

    Raises:
        AudioError: as `Mono.add`.
    """
    signal = Mono(name, limits)
    channels = [signal.add(blocks) for blocks in streams()]
    if any(channel is not None for channel in channels):
        signal = Mono(name, limits)
        for blocks, channel in zip(streams(), channels, strict=True):
            signal.add(blocks, channel)
    return signal


class Powers:
    """Powers of channels and of their mean, without constant offsets."""

    def __init__(self, channels: int) -> None:
        self._count = 0
        self._sums, self._squares = np.zeros(channels + 1), np.zeros(channels + 1)  # the last is the mean's

    def add(self, block: np.ndarray, mono: np.ndarray) -> None:
        """Counts a block `[time, channels]` and its mean `[time]`."""
        if len(self._sums) == 2:
            return
        wide = np.concatenate([block, mono[:, None]], axis=1, dtype=np.float64)
        self._count += len(wide)
        self._sums += wide.sum(axis=0)
        self._squares += np.square(wide).sum(axis=0)

    def cancelled(self) -> int | None:
        """The loudest channel, where the mean has far less power than channels with nothing in common would give."""
        if not self._count:
            return None
        power = np.maximum(self._squares / self._count - (self._sums / self._count) ** 2, 0.0)
        channels, mean = power[:-1], power[-1]
        if mean >= _CANCELLED * channels.sum() / len(channels) ** 2:
            return None
        return int(np.argmax(channels >= _AS_LOUD * channels.max()))


def check_same_rate(before_hz: int, rate_hz: int, name: str) -> None:
    """Checks that a stream has the rate of those before it; `before_hz` is 0 where it is the first."""
    if before_hz not in (0, rate_hz):
        found = f"{before_hz} Hz, then {rate_hz} Hz"
        raise AudioError(mismatch(name, "one sample rate", found, "cut it into files of one rate"))


def check_long_enough(samples: int, rate_hz: int, name: str) -> None:
    """Checks that a signal is at least `MIN_DURATION_S` long; `rate_hz` is 0 where it has no stream."""
    if samples < MIN_DURATION_S * rate_hz or not rate_hz:
        found = f"{samples / max(1, rate_hz):.3f} s"
        raise AudioError(mismatch(name, f"at least {MIN_DURATION_S} s", found, "use a longer clip"))


def check_values(block: np.ndarray, name: str, limits: AudioLimits) -> None:
    """Checks that values are finite and in the range of sound."""
    low, high = float(block.min()), float(block.max())
    if not math.isfinite(low) or not math.isfinite(high):
        found = f"{int((~np.isfinite(block)).sum())} that are NaN or infinite"
        raise AudioError(mismatch(name, "finite samples", found, "export it again"))
    peak = max(-low, high)
    whole = peak > 1.0 and bool((block == np.rint(block)).all())
    if peak <= limits.max_peak and not whole:
        return
    found = f"{'whole numbers' if whole else 'values'} from {low:g} to {high:g}"
    scale = next((one for one in _INTEGER_SCALES if peak <= one), None)
    do = "export it again" if scale is None else f"divide them by {scale:.0f}: they look like integers"
    raise AudioError(mismatch(name, f"samples within ±{limits.max_peak:g}, full scale 1", found, do))
