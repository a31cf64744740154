"""A sound as few numbers as a picture has columns: envelope and averaged spectrogram, block by block."""

import numpy as np
from jaxtyping import Float, Float32

_ENVELOPE_COLUMNS = 1_600
_SPECTRUM_COLUMNS = 1_200
_WINDOW_S = 0.032
_SHORTEST_HOP_S, _LONGEST_HOP_S = 0.005, 0.016
_FRAMES_AT_ONCE = 2_048
_SMALLEST_POWER = 1e-12  # -120 dB


class SoundSummary:
    """Envelope and spectrogram of a mono sound, in memory that does not grow with its length.

    Args:
        duration_s: of the whole sound; samples beyond it count to the last column.
        rate_hz: of the samples.
    """

    def __init__(self, duration_s: float, rate_hz: int) -> None:
        self.rate_hz = rate_hz
        self._samples = max(1, round(duration_s * rate_hz))
        columns = min(_ENVELOPE_COLUMNS, self._samples)
        self.low = np.zeros(columns, np.float32)
        self.high = np.zeros(columns, np.float32)
        self._window = np.hanning(round(_WINDOW_S * rate_hz)).astype(np.float32)
        hop_s = np.clip(duration_s / _SPECTRUM_COLUMNS, _SHORTEST_HOP_S, _LONGEST_HOP_S)
        self._hop = round(float(hop_s) * rate_hz)
        columns = max(1, min(_SPECTRUM_COLUMNS, self._samples // self._hop))
        self._powers = np.zeros((columns, len(self._window) // 2 + 1))
        self._counts = np.zeros(columns)
        self._position = 0  # of the next sample
        self._frames = 0
        self._rest = np.zeros(len(self._window) // 2, np.float32)  # frames are centred, the first on the first sample

    def add(self, block: Float32[np.ndarray, " time"]) -> None:
        """Counts the next samples."""
        if not len(block):
            return
        columns = self._columns(self._position + np.arange(len(block)), len(self.low))
        first = np.flatnonzero(np.diff(columns, prepend=-1))
        at = columns[first]
        self.low[at] = np.minimum(self.low[at], np.minimum.reduceat(block, first))
        self.high[at] = np.maximum(self.high[at], np.maximum.reduceat(block, first))
        self._position += len(block)
        self._add_frames(block)

    def spectrogram_db(self) -> Float[np.ndarray, "columns bins"]:
        """Mean power in dB by column, and by frequency from 0 to half of the rate. To be called once, at the end."""
        self._add_frames(np.zeros(len(self._window), np.float32))
        return 10 * np.log10(self._powers / np.maximum(self._counts, 1)[:, None] + _SMALLEST_POWER)

    def _columns(self, samples: np.ndarray, count: int) -> np.ndarray:
        """The column of each sample, of this number of columns."""
        return np.minimum(samples * count // self._samples, count - 1)

    def _add_frames(self, block: np.ndarray) -> None:
        samples = np.concatenate([self._rest, block])
        if len(samples) < len(self._window):
            self._rest = samples
            return
        frames = np.lib.stride_tricks.sliding_window_view(samples, len(self._window))[:: self._hop]
        for start in range(0, len(frames), _FRAMES_AT_ONCE):
            some = frames[start : start + _FRAMES_AT_ONCE] * self._window
            powers = np.square(np.abs(np.fft.rfft(some))) / np.square(self._window).sum()
            columns = self._columns((self._frames + np.arange(len(some))) * self._hop, len(self._counts))
            first = np.flatnonzero(np.diff(columns, prepend=-1))
            self._powers[columns[first]] += np.add.reduceat(powers, first)
            self._counts += np.bincount(columns, minlength=len(self._counts))
            self._frames += len(some)
        self._rest = samples[len(frames) * self._hop :]
