"""Encoder, tuned: its upper blocks learn on top of their published weights, under the same head as a frozen one.

The published weights are given from outside and shared by all members of a program. A member's own parameters are what
is added to them, from zero: for each weight a change of its shape, or a product of two thin matrices (LoRA).
"""

import dataclasses
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from voxjax import encoders
from voxjax.config import in_range
from voxjax.encoders.static_config import TUNED
from voxjax.errors import UsageError, mismatch
from voxjax.models import encoder_head, layers

Array = jax.Array


@dataclasses.dataclass(frozen=True)
class Options:
    """Shape of the network. Its input is one block's output, unscaled; `features.tuned_blocks` counts those above."""

    rank: int = 0  # of the change of each kernel (Hu et al. 2022); 0 changes every weight freely
    recompute: int = 0  # 1 computes a block again for its gradient, which saves memory and costs a third more time
    head: encoder_head.Options = dataclasses.field(default_factory=encoder_head.Options)

    def __post_init__(self) -> None:
        in_range("config.model.rank", self.rank, 0, 4_096)
        in_range("config.model.recompute", self.recompute, 0, 1)


class Changed(nn.Module):
    """Pretrained weights with what was learned on top: a tree to a tree of the same shapes.

    Weight decay draws what is learned, and so the weights, back to where they began (Li et al. 2018).
    """

    rank: int

    @nn.compact
    def __call__(self, pretrained: Any) -> Any:
        def one(path: Any, leaf: Array) -> Array:
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
    """Scores of the classes from a block's outputs: `[B, T, C]` with bool `[B, T]` to logits `[B, K]`."""

    options: Options
    classes: int

    @nn.compact
    def __call__(self, x: Array, mask: Array, rates: layers.DropoutRates | None) -> Array:
        kind, blocks = self._blocks()
        apply = encoders.TUNABLE[kind].apply
        if self.options.recompute:
            apply = jax.checkpoint(apply)
        for depth in reversed(range(len(blocks))):
            weights = Changed(self.options.rank, name=f"{TUNED}{depth}")(blocks[f"{depth}"])
            with jax.numpy_dtype_promotion("standard"):  # the statistics of its norms are float32 whatever x is
                x = apply(weights, x, mask)
        x = jnp.where(mask[..., None], x, 0.0)
        x = layers.BatchNorm(name="outputs")(x, mask, rates)  # each channel by itself: a few are far larger than others
        return encoder_head.EncoderHead(self.options.head, self.classes, name="head")(x, mask, rates)

    def _blocks(self) -> tuple[str, Any]:
        """The encoder's kind, and its blocks by their depth."""
        if not self.has_variable("pretrained", "blocks"):
            do = "set config.features.tuned_blocks, or use architecture encoder_head"
            raise UsageError(mismatch("architecture encoder_tuned", "at least one block to tune", "none", do))
        found: dict[str, Any] = self.get_variable("pretrained", "blocks")
        return next(iter(found.items()))
