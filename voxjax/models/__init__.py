"""The networks, behind pure functions. A new model is a file here and a row in `ARCHITECTURES`."""

import dataclasses
from collections.abc import Mapping
from typing import Any, NamedTuple, cast

import flax.linen as nn
import jax

from voxjax.config import one_of
from voxjax.config_schema import freeze, thaw
from voxjax.models import (
    advanced,
    baseline,
    cnn,
    encoder_head,
    encoder_statistics,
    encoder_tuned,
    enhanced,
    fusion,
    hybrid,
    lda,
    lstm,
    optimized,
)
from voxjax.models.layers import DropoutRates

__all__ = [
    "ARCHITECTURES",
    "DropoutRates",
    "Network",
    "Variables",
    "build",
    "fused_modalities",
    "options",
    "parameter_count",
]

Array = jax.Array

# name -> (options dataclass, module taking options and classes)
ARCHITECTURES: dict[str, tuple[Any, Any]] = {
    "advanced": (advanced.Options, advanced.Advanced),
    "baseline": (baseline.Options, baseline.Baseline),
    "cnn": (cnn.Options, cnn.CNN),
    "lda": (lda.Options, lda.LinearDiscriminant),
    "encoder_head": (encoder_head.Options, encoder_head.EncoderHead),
    "encoder_statistics": (encoder_statistics.Options, encoder_statistics.EncoderStatistics),
    "encoder_tuned": (encoder_tuned.Options, encoder_tuned.EncoderTuned),
    "enhanced": (enhanced.Options, enhanced.Enhanced),
    "fusion": (fusion.Options, fusion.Fusion),
    "hybrid": (hybrid.Options, hybrid.Hybrid),
    "lstm": (lstm.Options, lstm.LSTM),
    "optimized": (optimized.Options, optimized.Optimized),
}


class Variables(NamedTuple):
    """Weights, and the running statistics of batch norm: nested dictionaries of float32 arrays."""

    params: Any
    stats: Any


@dataclasses.dataclass(frozen=True)
class Network:
    """A module as pure functions. Hashable, so that it can be a static argument of `jit`.

    `pretrained` are an encoder's own blocks, for a network that learns on top of them; others take no notice.
    """

    module: nn.Module

    def init(self, key: Array, inputs: Any, mask: Any, pretrained: Any = ()) -> Variables:
        """Fresh weights for inputs of this shape, `[B, T, C]` and bool `[B, T]`; dictionaries where it fuses."""
        made = ["params", "batch_stats"]
        given = {"pretrained": pretrained} if pretrained else {}
        _, variables = self.module.apply(given, inputs, mask, None, rngs={"params": key}, mutable=made)
        return Variables(variables["params"], variables.get("batch_stats", {}))

    @property
    def closed_form(self) -> bool:
        """Whether `fit` finds the weights, and not steps."""
        return hasattr(self.module, "fit")

    def fit(self, variables: Variables, inputs: Array, mask: Array, labels: Array) -> Variables:
        """The weights that clips of the training side ask for: `[n, T, C]`, bool `[n, T]` and int32 `[n]`."""
        return variables._replace(params=cast(Any, self.module).fit(inputs, mask, labels))

    def apply(self, variables: Variables, inputs: Any, mask: Any, pretrained: Any = ()) -> Array:
        """Logits of evaluation: `[B, T, C], [B, T] -> [B, K]`."""
        logits = self.module.apply(_collections(variables, pretrained), inputs, mask, None)
        return cast(Array, logits)

    def apply_train(
        self, variables: Variables, inputs: Any, mask: Any, rates: DropoutRates, key: Array, pretrained: Any = ()
    ) -> tuple[Array, Any]:
        """Logits of training, with dropout, and the new statistics."""
        collections = _collections(variables, pretrained)
        rngs = {"dropout": key}
        logits, updates = self.module.apply(collections, inputs, mask, rates, rngs=rngs, mutable=["batch_stats"])
        return logits, updates.get("batch_stats", {})


def options(architecture: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """The architecture's options, complete and checked, as plain values.

    Raises:
        UsageError: at an unknown architecture or option, or a value of the wrong type.
    """
    one_of("config.architecture", architecture, ARCHITECTURES)
    return thaw(freeze(ARCHITECTURES[architecture][0], values, "config.model"))


def fused_modalities(values: Mapping[str, Any]) -> tuple[str, ...]:
    """What a network sees beside the audio, by its complete options."""
    return tuple(values["modalities"]) if "modalities" in values else ()


def build(architecture: str, values: Mapping[str, Any], classes: int) -> Network:
    """The network of this name.

    Args:
        architecture: a name in `ARCHITECTURES`.
        values: its options; those left out keep their defaults.
        classes: number of labels.

    Raises:
        UsageError: as `options` does.
    """
    one_of("config.architecture", architecture, ARCHITECTURES)
    kind, module = ARCHITECTURES[architecture]
    return Network(module(freeze(kind, values, "config.model"), classes))


def parameter_count(variables: Variables) -> int:
    """Number of trained weights."""
    return sum(leaf.size for leaf in jax.tree.leaves(variables.params))


def _collections(variables: Variables, pretrained: Any) -> dict[str, Any]:
    learned = {"params": variables.params, "batch_stats": variables.stats}
    return {**learned, "pretrained": pretrained} if pretrained else learned
