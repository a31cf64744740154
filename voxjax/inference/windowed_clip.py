"""A source after it was read: its sound in windows, and what is known about it."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from voxjax.errors import VoxJaxError
from voxjax.inference import answers


class WindowedClip(NamedTuple):
    """A source that was read, or the error of reading it."""

    duration_s: float
    windows: tuple[
        list[Float[np.ndarray, " _"]], ...
    ]  # one list per feature set; one empty window where there is no sound
    modality_inputs: Mapping[str, Float[np.ndarray, "_ _"]]  # float32 [T, D] each
    error: VoxJaxError | None
    parts: int = 1  # windows of the feature set that has most
    sample_hash: str = ""  # empty where it is not needed
    warnings: Sequence[str] = ()  # about the sound

    @property
    def modalities(self) -> list[str]:
        """Those that it has, with the audio."""
        return answers.used_modalities(self.duration_s, self.modality_inputs)
