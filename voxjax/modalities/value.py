"""What a reader gives of one clip: numbers, and what they are."""

from typing import NamedTuple

import numpy as np


class ModalityValue(NamedTuple):
    """`values` are numbers `[T, D]` or `[D]`; `names` say what the D are, and are empty where they have no names."""

    values: np.ndarray
    names: tuple[str, ...] = ()
