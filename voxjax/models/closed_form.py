"""The protocol of models whose weights are computed from training clips in closed form, without gradient steps."""

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

import jax

Array = jax.Array


@runtime_checkable
class ClosedFormModel(Protocol):
    """A model that is fitted, not trained: no optimiser, no epochs, no weight decay."""

    def fit(self, x: Array, mask: Array, labels: Array) -> Mapping[str, Any]:
        """The weights, as the module's `params`.

        Args:
            x: standardised features of the training clips, `[n, T, C]`.
            mask: bool `[n, T]`, true at valid positions.
            labels: int32 `[n]`.
        """
        ...
