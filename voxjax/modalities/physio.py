"""Reader of physiology: heart rate, skin conductance and similar time series, resampled to 4 Hz."""

from pathlib import Path

from voxjax.modalities import series
from voxjax.modalities.value import ModalityValue

RATE_HZ = 4.0  # skin conductance and heart rate change within seconds


def read(value: str | Path, duration_s: float) -> ModalityValue:
    """Signals from a table with a column `time_s` and one per signal (`heart_rate`, `skin_conductance`), resampled.

    Raises:
        VoxJaxError: at another file, or a table without times or signals.
    """
    path = Path(value)
    return series.resampled(path, series.read(path, str), RATE_HZ, duration_s)
