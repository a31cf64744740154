"""Fine-tuned encoder: its upper blocks are trained from the published weights, with the head of `encoder_head`.

The published weights are passed in and shared by all members of a program. A member's own parameters are what is added
to them, starting from zero: an array of each weight's shape, or the product of two low-rank matrices (LoRA).
"""

import dataclasses
from collections.abc import Mapping, Sequence

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jax.tree_util import DictKey
from jaxtyping import Array, Bool, Float

from voxjax import encoders
from voxjax.config import in_range
from voxjax.encoders.static_config import TUNED
from voxjax.encoders.tensors import Params
from voxjax.errors import UsageError, mismatch
from voxjax.models import encoder_head, layers


@dataclasses.dataclass(frozen=True)
class Options:
    """Shape of the network. Its input is a block's unscaled output; `features.tuned_blocks` counts those above."""

    rank: int = 0  # of the update of each kernel (LoRA, Hu et al. 2022); 0 updates every weight
    recompute: int = 0  # 1 recomputes each block for its gradient: less memory, a third more time
    head: encoder_head.Options = dataclasses.field(default_factory=encoder_head.Options)

    def __post_init__(self) -> None:
        in_range("config.model.rank", self.rank, 0, 4_096)
        in_range("config.model.recompute", self.recompute, 0, 1)


class Finetuned(nn.Module):
    """Pretrained weights plus the member's learned updates: a tree to a tree of the same shapes.

    Weight decay acts on the updates, and so pulls the weights towards their pretrained values (Li et al. 2018).
    """

    rank: int

    @nn.compact
    def __call__(self, pretrained: Params) -> Params:
        def one(
            path: Sequence[DictKey], leaf: Float[Array | np.ndarray, "*shape"]
        ) -> Float[Array | np.ndarray, "*shape"]:
            name = "_".join(str(part.key) for part in path)
            if not self.rank:
                return leaf + self.param(name, nn.initializers.zeros, leaf.shape)
            if leaf.ndim != 2:
                return leaf
            down = self.param(f"{name}_down", nn.initializers.lecun_normal(), (leaf.shape[0], self.rank))
            up = self.param(f"{name}_up", nn.initializers.zeros, (self.rank, leaf.shape[1]))
            return leaf + down @ up

        return jax.tree_util.tree_map_with_path(one, pretrained)


class EncoderTuned(nn.Module):
    """Logits from a block's outputs: `[B, T, C], [B, T] -> [B, K]`."""

    options: Options
    classes: int

    @nn.compact
    def __call__(
        self, x: Float[Array, "B T C"], mask: Bool[Array, "B T"], rates: layers.DropoutRates | None
    ) -> Float[Array, "B {self.classes}"]:
        kind, blocks = self._blocks()
        apply = encoders.TUNABLE[kind].apply
        if self.options.recompute:
            apply = jax.checkpoint(apply)
        for depth in reversed(range(len(blocks))):
            weights = Finetuned(self.options.rank, name=f"{TUNED}{depth}")(blocks[f"{depth}"])
            with jax.numpy_dtype_promotion("standard"):  # the statistics of its norms are always float32
                x = apply(weights, x, mask)
        x = jnp.where(mask[..., None], x, 0.0)
        x = layers.BatchNorm(name="outputs")(x, mask, rates)  # a few channels are far larger than the rest
        return encoder_head.EncoderHead(self.options.head, self.classes, name="head")(x, mask, rates)

    def _blocks(self) -> tuple[str, Mapping[str, Params]]:
        """The name of the encoder in `TUNABLE`, and its blocks by depth."""
        if not self.has_variable("pretrained", "blocks"):
            do = "set config.features.tuned_blocks, or use architecture encoder_head"
            raise UsageError(mismatch("architecture encoder_tuned", "at least one block to tune", "none", do))
        found: Params = self.get_variable("pretrained", "blocks")
        return next(iter(found.items()))
