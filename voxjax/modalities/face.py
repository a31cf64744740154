"""Faces: action units over time as OpenFace writes them (Baltrusaitis et al. 2018), or embeddings of any network."""

import re
from pathlib import Path
from typing import Any

import numpy as np

from voxjax.errors import VoxJaxError, mismatch
from voxjax.modalities import series
from voxjax.modalities.value import ModalityValue

RATE_HZ = 10.0
_INTENSITY = re.compile(r"AU\d+_r")  # of an action unit, 0 to 5
_SUCCESS = "success"


def read(value: Any, duration_s: float) -> ModalityValue:
    """A table with columns AU01_r and so on, 10 times a second; or an `.npy` with `[T, D]` or `[D]`, as it is.

    Rows whose column `success` is 0, in which OpenFace found no face, count as gaps.

    Raises:
        VoxJaxError: at another file, or a table without times or action units.
    """
    path = Path(value)
    if path.suffix == ".npy":
        try:
            return ModalityValue(np.load(path, allow_pickle=False))
        except (OSError, ValueError, EOFError) as error:
            raise VoxJaxError(mismatch(str(path), "an array (.npy)", error, "write it with numpy.save")) from error
    return series.resampled(path, _seen(path), RATE_HZ, duration_s)


def _seen(path: Path) -> series.Series:
    """Action units, empty where no face was found."""
    found = series.read(path, _INTENSITY.fullmatch)
    with_success = series.read(path, lambda name: name == _SUCCESS or _INTENSITY.fullmatch(name))
    if _SUCCESS not in with_success.names:
        return found
    failed = with_success.values[:, with_success.names.index(_SUCCESS)] == 0
    return found._replace(values=np.where(failed[:, None], np.nan, found.values))
