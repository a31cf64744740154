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
_CANCELLED = 0.5  # power of the mix relative to channels with nothing in common: their correlation is below -0.5
_AS_LOUD = 0.8  # of the loudest channel's power, -1 dB: the first such channel is taken
_INTEGER_SCALES = (2.0**15, 2.0**23, 2.0**31)


class Mono:
    """A mono signal at its own rate, as blocks.

    Args:
        name: for messages.
        limits: on its length.
    """

    def __init__(self, name: str, limits: AudioLimits) -> None:
        self.name, self.limits = name, limits
        self.rate_hz = 0
        self.samples = 0
        self._blocks: list[np.ndarray] = []  # float32 [time] each
        self._sum = 0.0

    def add(self, blocks: Blocks, channel: int | None = None) -> int | None:
        """Adds a stream: one of its channels, or their mean.

        Returns:
            The loudest channel if the channels cancel each other in the mean, else None.

        Raises:
            AudioError: at another rate than before, values that can't be sound, and beyond the limits.
        """
        if self.rate_hz not in (0, blocks.rate_hz):
            found = f"{self.rate_hz} Hz, then {blocks.rate_hz} Hz"
            raise AudioError(mismatch(self.name, "one sample rate", found, "cut it into files of one rate"))
        self.rate_hz = blocks.rate_hz
        powers = _Powers(blocks.channels)
        for block in blocks.blocks:
            _check_values(block, self.name, self.limits)
            mono = block.mean(axis=1, dtype=np.float32) if channel is None else block[:, channel]
            powers.add(block, mono)
            self._append(np.ascontiguousarray(mono))
        return powers.cancelled()

    def resampled(self, sample_rate_hz: int) -> np.ndarray:
        """The signal without its constant offset at another rate: float32 `[time]`. Takes the blocks away.

        Raises:
            AudioError: where it is too short or silent, or has values that are not finite.
        """
        if self.samples < MIN_DURATION_S * self.rate_hz or not self.rate_hz:
            found = f"{self.samples / max(1, self.rate_hz):.3f} s"
            raise AudioError(mismatch(self.name, f"at least {MIN_DURATION_S} s", found, "use a longer clip"))
        offset = self._sum / self.samples
        out = np.empty(math.ceil(self.samples * sample_rate_hz / self.rate_hz) + 1, np.float32)
        stream = None
        if self.rate_hz != sample_rate_hz:
            stream = soxr.ResampleStream(self.rate_hz, sample_rate_hz, 1, dtype="float32")
        filled = 0
        self._blocks.reverse()
        while self._blocks:
            block = (self._blocks.pop().astype(np.float64) - offset).astype(np.float32)
            part = block if stream is None else stream.resample_chunk(block, last=not self._blocks)
            out[filled : filled + len(part)] = part
            filled += len(part)
        return self._checked(out[:filled])

    def _append(self, mono: np.ndarray) -> None:
        self.samples += len(mono)
        self._sum += float(mono.sum(dtype=np.float64))
        if self.samples > self.limits.max_duration_s * self.rate_hz:
            expected = f"at most {self.limits.max_duration_s / 60:g} minutes"
            raise AudioError(mismatch(self.name, expected, "more", "cut it into parts"))
        if self.samples * mono.itemsize > self.limits.max_decoded_bytes:
            expected = f"at most {self.limits.max_decoded_bytes} bytes when decoded"
            raise AudioError(mismatch(self.name, expected, "more", "cut it into parts, or lower its sample rate"))
        self._blocks.append(mono)

    def _checked(self, samples: np.ndarray) -> np.ndarray:
        peak = float(np.abs(samples).max(initial=0.0))
        if not math.isfinite(peak):
            found = "some that are not after mixing and resampling"
            raise AudioError(mismatch(self.name, "finite samples", found, "export it again"))
        if peak < SILENCE_PEAK:
            raise AudioError(mismatch(self.name, "speech", "silence", "check the microphone and the channel"))
        return samples


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


class _Powers:
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


def _check_values(block: np.ndarray, name: str, limits: AudioLimits) -> None:
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
