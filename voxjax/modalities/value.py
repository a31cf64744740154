"""The value of one modality of one clip."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Num


class ModalityValue(NamedTuple):
    """`values`, `[T, D]` or `[D]`, and the names of the D channels, empty where they have none."""

    values: Num[np.ndarray, "T D"] | Num[np.ndarray, " D"]
    names: tuple[str, ...] = ()
