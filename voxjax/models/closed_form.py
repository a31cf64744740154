"""The protocol of models whose weights are computed from training clips in closed form, without gradient steps."""

from collections.abc import Callable, Mapping
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Array, Bool, Float, Int, Key

from voxjax.encoders.tensors import Params


class TrainingClips(NamedTuple):
    """The clips of a closed-form fit, read in chunks: all of them as float32 need not fit into memory."""

    # Standardised features and mask of clips, by their numbers from 0 and the number of the copy.
    read: Callable[[Int[Array, " B"], int], tuple[Float[Array, "B T C"], Bool[Array, "B T"]]]
    labels: Int[Array | np.ndarray, " clips"]  # int32
    copies: int  # of each clip: copy 0 is the clip itself, further ones are augmented
    key: Key[Array, ""]  # of the member, for models that draw something


@runtime_checkable
class ClosedFormModel(Protocol):
    """A model that is fitted, not trained: no optimiser, no epochs, no weight decay."""

    def fit(self, clips: TrainingClips) -> Params:
        """The weights, as the module's `params`."""
        ...

    def try_values(
        self, clips: TrainingClips, kept: Bool[Array, " clips"], values: Mapping[str, Float[Array, " values"]]
    ) -> Float[Array, "values clips K"]:
        """Logits of all clips, without their copies, by fits to the kept ones.

        Args:
            clips: those to fit to, and others.
            kept: which are fitted to.
            values: of options of the model, by name.
        """
        ...
