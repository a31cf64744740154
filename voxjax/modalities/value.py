"""The value of one modality of one clip."""

from typing import NamedTuple

import numpy as np


class ModalityValue(NamedTuple):
    """`values`, `[T, D]` or `[D]`, and the names of the D channels, empty where they have none."""

    values: np.ndarray
    names: tuple[str, ...] = ()
