"""The input of a network's last layer: a vector that describes a clip."""

from collections.abc import Callable, Mapping
from typing import Any

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from voxjax.encoders.tensors import Params
from voxjax.models import patch_discriminant
from voxjax.models.encoder_statistics import statistics
from voxjax.models.fusion import Fusion
from voxjax.models.lda import LinearDiscriminant


def inputs(module: nn.Module, variables: Mapping[str, Params], x: Any, mask: Any) -> Float[Array, "B D"]:
    """What the layer takes that makes the logits: `[B, D]`, as `models.Network.embedding` describes it.

    Args:
        module: the network.
        variables: its collections.
        x, mask: inputs and masks of the network.
    """
    if isinstance(module, LinearDiscriminant):
        return statistics(x, mask)
    if isinstance(module, patch_discriminant.PatchDiscriminant):
        return patch_discriminant.embedding(module.options, variables["params"], x, mask)
    taken: list[Float[Array, "B _"]] = []

    def record(
        call: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        context: nn.module.InterceptorContext,
    ) -> Any:
        if isinstance(context.module, nn.Dense) and context.method_name == "__call__":
            taken.append(args[0])
        return call(*args, **kwargs)

    with nn.intercept_methods(record):
        module.apply(variables, x, mask, None)
    return jnp.concatenate(taken[-_last_layers(module) :], axis=-1)


def _last_layers(module: nn.Module) -> int:
    """How many dense layers make the logits side by side, as the last ones of the network."""
    late = isinstance(module, Fusion) and module.options.fuse == "late"
    return 1 + len(module.options.modalities) if late else 1
