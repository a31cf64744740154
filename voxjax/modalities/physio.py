"""Physiology: heart rate, skin conductance and the like as time series, 4 times a second."""

from pathlib import Path
from typing import Any

from voxjax.modalities import series
from voxjax.modalities.value import ModalityValue

RATE_HZ = 4.0  # skin conductance and heart rate change within seconds


def read(value: Any, duration_s: float) -> ModalityValue:
    """A table with a column `time_s`, and one a signal (`heart_rate`, `skin_conductance`), resampled to the clip.

    Raises:
        VoxJaxError: at another file, or a table without times or signals.
    """
    path = Path(value)
    return series.resampled(path, series.read(path, str), RATE_HZ, duration_s)
