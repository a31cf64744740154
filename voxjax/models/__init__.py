"""The networks as pure functions, by name. A new model is a file here and a row in `ARCHITECTURES`.

Array functions are annotated with jaxtyping, as in `voxjax.audio`, whose names of sizes hold here too. Further ones:

- `pooled`, `folded`, `halved`: positions after merging neighbours.
- `U`: units of an LSTM in one direction.
- `S`: a clip's statistics, means and deviations of its channels.
- `D`, `embed`: channels of a modality, and of its embedding.
- `modalities`: those that a network fuses, the audio among them.
"""

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple, cast

import flax.errors
import flax.linen as nn
import jax
from jaxtyping import Array, Bool, Float, Key

from voxjax.config import one_of
from voxjax.config_schema import Plain, freeze, thaw
from voxjax.encoders.tensors import Params
from voxjax.errors import VoxJaxError
from voxjax.modalities import batch as modality_batch
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
    last_layer,
    lda,
    lstm,
    optimized,
    patch_discriminant,
)
from voxjax.models.closed_form import ClosedFormModel, TrainingClips
from voxjax.models.layers import DropoutRates

__all__ = [
    "ARCHITECTURES",
    "Architecture",
    "ClosedFormModel",
    "DropoutRates",
    "Network",
    "TrainingClips",
    "Variables",
    "build",
    "fused_modalities",
    "options",
    "parameter_count",
]

Inputs = Float[Array, "B T C"] | modality_batch.Inputs  # by modality where the network fuses several
Masks = Bool[Array, "B T"] | modality_batch.Masks

NOTHING_PRETRAINED: Params = {}
OPTIONAL_WEIGHTS = ("params/gram",)  # of closed-form models; models of before format 6 lack them


class Architecture(NamedTuple):
    """A network's dataclass of options, and its module, which takes these and the number of classes."""

    options: type
    module: Callable[[Any, int], nn.Module]


ARCHITECTURES: dict[str, Architecture] = {
    "advanced": Architecture(advanced.Options, advanced.Advanced),
    "baseline": Architecture(baseline.Options, baseline.Baseline),
    "cnn": Architecture(cnn.Options, cnn.CNN),
    "encoder_head": Architecture(encoder_head.Options, encoder_head.EncoderHead),
    "encoder_statistics": Architecture(encoder_statistics.Options, encoder_statistics.EncoderStatistics),
    "encoder_tuned": Architecture(encoder_tuned.Options, encoder_tuned.EncoderTuned),
    "enhanced": Architecture(enhanced.Options, enhanced.Enhanced),
    "fusion": Architecture(fusion.Options, fusion.Fusion),
    "hybrid": Architecture(hybrid.Options, hybrid.Hybrid),
    "lda": Architecture(lda.Options, lda.LinearDiscriminant),
    "lstm": Architecture(lstm.Options, lstm.LSTM),
    "optimized": Architecture(optimized.Options, optimized.Optimized),
    "patch_lda": Architecture(patch_discriminant.Options, patch_discriminant.PatchDiscriminant),
}


class WeightsError(VoxJaxError):
    """Weights that do not fit the network."""


class Variables(NamedTuple):
    """Weights, and the running statistics of batch norm: nested dictionaries of float32 arrays."""

    params: Params
    stats: Params


@dataclasses.dataclass(frozen=True)
class Network:
    """A module as pure functions. Hashable, so that it can be a static argument of `jit`.

    `mask` is bool `[B, T]` and true at valid positions. Networks that fuse modalities take a dictionary of inputs and
    one of masks. `pretrained` holds an encoder's published blocks for networks that fine-tune them, and is empty for
    all other networks.
    """

    module: nn.Module

    def init(
        self, key: Key[Array, ""], inputs: Inputs, mask: Masks, pretrained: Params = NOTHING_PRETRAINED
    ) -> Variables:
        """Fresh weights for inputs of this shape, `[B, T, C]` with `[B, T]`."""
        made = ["params", "batch_stats"]
        given = {"pretrained": pretrained} if pretrained else {}
        _, variables = self.module.apply(given, inputs, mask, None, rngs={"params": key}, mutable=made)
        return Variables(variables["params"], variables.get("batch_stats", {}))

    def init_all(
        self, key: Key[Array, ""], inputs: Inputs, mask: Masks, pretrained: Params = NOTHING_PRETRAINED
    ) -> Variables:
        """As `init`, with weights that a closed form has beside those of its logits."""
        del pretrained
        return Variables(self.module.init(key, inputs, mask, None)["params"], {})

    @property
    def closed_form(self) -> bool:
        """Whether the weights come from `fit` instead of training steps."""
        return isinstance(self.module, ClosedFormModel)

    def fit(self, variables: Variables, clips: TrainingClips) -> Variables:
        """Weights fitted to training clips.

        Raises:
            TypeError: at a network without a closed form.
        """
        if not isinstance(self.module, ClosedFormModel):
            raise TypeError(f"{type(self.module).__name__} has no closed form: expected a ClosedFormModel, train it")
        return variables._replace(params=self.module.fit(clips))

    def apply(
        self, variables: Variables, inputs: Inputs, mask: Masks, pretrained: Params = NOTHING_PRETRAINED
    ) -> Float[Array, "B K"]:
        """Logits without dropout: `[B, T, C], [B, T] -> [B, K]`.

        Raises:
            WeightsError: at weights of another network.
        """
        try:
            logits = self.module.apply(_collections(variables, pretrained), inputs, mask, None)
        except flax.errors.FlaxError as error:
            raise WeightsError(" ".join(str(error).split())) from error
        return cast(Array, logits)

    def embedding(
        self, variables: Variables, inputs: Inputs, mask: Masks, pretrained: Params = NOTHING_PRETRAINED
    ) -> Float[Array, "B D"]:
        """The network's vector of each clip, from which its last layer makes the logits: `[B, D]`.

        It is the input of the last dense layer; with late fusion those of all modalities, one after the other. A
        linear discriminant has no other layer: it is the clip's standardised statistics.

        Raises:
            WeightsError: at weights of another network.
        """
        collections = _collections(variables, pretrained)
        try:
            return last_layer.inputs(self.module, collections, inputs, mask)
        except flax.errors.FlaxError as error:
            raise WeightsError(" ".join(str(error).split())) from error

    def apply_train(
        self,
        variables: Variables,
        inputs: Inputs,
        mask: Masks,
        rates: DropoutRates,
        key: Key[Array, ""],
        pretrained: Params = NOTHING_PRETRAINED,
    ) -> tuple[Float[Array, "B K"], Params]:
        """Logits with dropout, `[B, K]`, and the updated statistics of batch norm."""
        collections = _collections(variables, pretrained)
        rngs = {"dropout": key}
        logits, updates = self.module.apply(collections, inputs, mask, rates, rngs=rngs, mutable=["batch_stats"])
        return logits, updates.get("batch_stats", {})


def options(architecture: str, values: Plain) -> dict[str, Any]:
    """The architecture's options, complete and checked, as plain values.

    Raises:
        UsageError: at an unknown architecture or option, or a value of the wrong type.
    """
    one_of("config.architecture", architecture, ARCHITECTURES)
    return thaw(freeze(ARCHITECTURES[architecture].options, values, "config.model"))


def fused_modalities(values: Plain) -> tuple[str, ...]:
    """Modalities that a network with these options, which must be complete, fuses with the audio."""
    return tuple(values["modalities"]) if "modalities" in values else ()


def build(architecture: str, values: Plain, classes: int) -> Network:
    """The network of this name.

    Args:
        architecture: a name in `ARCHITECTURES`.
        values: its options; those left out keep their defaults.
        classes: number of labels.

    Raises:
        UsageError: as `options` does.
    """
    one_of("config.architecture", architecture, ARCHITECTURES)
    found = ARCHITECTURES[architecture]
    return Network(found.module(freeze(found.options, values, "config.model"), classes))


def is_closed_form(architecture: str) -> bool:
    """Whether networks of this architecture are fitted in closed form, and not trained in steps."""
    return hasattr(ARCHITECTURES[architecture].module, "fit")


def parameter_count(variables: Variables) -> int:
    """Number of weights that are trained or fitted."""
    return sum(leaf.size for leaf in jax.tree.leaves(variables.params))


def _collections(variables: Variables, pretrained: Params) -> dict[str, Params]:
    learned = {"params": variables.params, "batch_stats": variables.stats}
    return {**learned, "pretrained": pretrained} if pretrained else learned
