"""Reader of faces: action units over time from OpenFace (Baltrusaitis et al. 2018), or any embeddings."""

import re
from pathlib import Path

import numpy as np

from voxjax.errors import VoxJaxError, mismatch
from voxjax.modalities import series
from voxjax.modalities.value import ModalityValue

RATE_HZ = 10.0
_INTENSITY = re.compile(r"AU\d+_r")  # of an action unit, 0 to 5
_SUCCESS = "success"


def read(value: str | Path, duration_s: float) -> ModalityValue:
    """Action units, resampled to 10 Hz, from a table with columns AU01_r and so on; or an `.npy` of `[T, D]` or `[D]`.

    Rows with `success` 0, in which OpenFace found no face, are treated as missing.

    Raises:
        VoxJaxError: at another file, or a table without times or action units.
    """
    path = Path(value)
    if path.suffix == ".npy":
        try:
            return ModalityValue(np.load(path, allow_pickle=False))
        except (OSError, ValueError, EOFError) as error:
            raise VoxJaxError(mismatch(str(path), "an array (.npy)", error, "write it with numpy.save")) from error
    return series.resampled(path, _with_gaps(path), RATE_HZ, duration_s)


def _with_gaps(path: Path) -> series.Series:
    """Action units, NaN where no face was found."""
    found = series.read(path, _INTENSITY.fullmatch)
    with_success = series.read(path, lambda name: name == _SUCCESS or _INTENSITY.fullmatch(name))
    if _SUCCESS not in with_success.names:
        return found
    failed = with_success.values[:, with_success.names.index(_SUCCESS)] == 0
    return found._replace(values=np.where(failed[:, None], np.nan, found.values))
