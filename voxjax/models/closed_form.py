"""The protocol of models whose weights are computed from training clips in closed form, without gradient steps."""

from typing import Protocol, runtime_checkable

from jaxtyping import Array, Bool, Float, Int

from voxjax.encoders.tensors import Params


@runtime_checkable
class ClosedFormModel(Protocol):
    """A model that is fitted, not trained: no optimiser, no epochs, no weight decay."""

    def fit(self, x: Float[Array, "clips T C"], mask: Bool[Array, "clips T"], labels: Int[Array, " clips"]) -> Params:
        """The weights, as the module's `params`.

        Args:
            x: standardised features of the training clips, `[clips, T, C]`.
            mask: bool `[clips, T]`, true at valid positions.
            labels: int32 `[clips]`.
        """
        ...
