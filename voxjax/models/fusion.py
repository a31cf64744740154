"""Fusion: the Optimized network on audio and a branch per further modality, fused late or by gated attention."""

import dataclasses

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from voxjax.config import one_of
from voxjax.errors import UsageError, mismatch
from voxjax.modalities.batch import Inputs, Masks
from voxjax.modalities.names import AUDIO
from voxjax.models import layers, optimized, option_checks
from voxjax.models.layers import DropoutRates


@dataclasses.dataclass(frozen=True)
class Options:
    """Shape of the network."""

    modalities: tuple[str, ...] = ("text",)  # besides the audio
    audio: optimized.Options = dataclasses.field(default_factory=optimized.Options)
    fuse: str = "gated"  # late: weighted mean of each modality's logits | gated: attention over their embeddings
    embed: int = 64  # size of each modality's embedding
    project: int = 64  # width of the dense layer applied at each position of a modality
    heads: int = 4  # of the attention pooling over positions
    dense: tuple[int, ...] = (64,)  # after the fused embedding

    def __post_init__(self) -> None:
        option_checks.check_sizes(self, ("modalities",))
        option_checks.check_pooling("attention", option_checks.AFTER_CONVOLUTIONS, self.project, self.heads)
        one_of("config.model.fuse", self.fuse, FUSIONS)
        if len(set(self.modalities)) < len(self.modalities):
            found = ", ".join(self.modalities)
            raise UsageError(mismatch("config.model.modalities", "each once", found, "remove the second"))


class Branch(nn.Module):
    """The embedding of one modality: `[B, T, D], [B, T] -> [B, embed]`."""

    options: Options

    @nn.compact
    def __call__(
        self, x: Float[Array, "B T D"], mask: Bool[Array, "B T"], rates: DropoutRates | None
    ) -> Float[Array, "B {self.options.embed}"]:
        x = nn.relu(nn.Dense(self.options.project)(x))  # [B, T, project]
        x = layers.Dropout()(x, None if rates is None else rates.block)
        return nn.Dense(self.options.embed)(layers.AttentionPool(self.options.heads)(x, mask))


class Fusion(nn.Module):
    """Logits from the modalities that a clip has.

    Inputs and masks by modality, `[B, T, D]` and bool `[B, T]`, including `audio`, to logits `[B, K]`. A modality whose
    mask is false everywhere is absent, and its values have no influence. Without any modality all logits are 0.
    """

    options: Options
    classes: int

    @nn.compact
    def __call__(self, inputs: Inputs, masks: Masks, rates: DropoutRates | None) -> Float[Array, "B {self.classes}"]:
        o, parts = self.options, []
        present = jnp.stack(
            [jnp.any(masks[name], axis=1) for name in (AUDIO, *o.modalities)], axis=1
        )  # [B, modalities]
        for i, name in enumerate((AUDIO, *o.modalities)):
            x = jnp.where(masks[name][..., None], inputs[name], 0.0)
            # One valid position keeps an absent modality's embedding finite; its weight is 0.
            mask = masks[name].at[:, 0].set(masks[name][:, 0] | ~present[:, i])
            if name == AUDIO:
                parts.append(optimized.Optimized(o.audio, o.embed, name=AUDIO)(x, mask, rates))
            else:
                parts.append(Branch(o, name=name)(x, mask, rates))
        embedded = jnp.tanh(jnp.stack(parts, axis=1))  # [B, modalities, embed]
        logits = FUSIONS[o.fuse](o, self.classes, embedded, present, rates)
        return jnp.where(jnp.any(present, axis=1)[:, None], logits, 0.0)


def _late(
    o: Options,
    classes: int,
    embedded: Float[Array, "B modalities embed"],
    present: Bool[Array, "B modalities"],
    rates: DropoutRates | None,
) -> Float[Array, "B {classes}"]:
    """Late fusion: the mean of the logits of the modalities present, under learned weights."""
    del rates
    logits = [nn.Dense(classes)(embedded[:, i]) for i in range(embedded.shape[1])]
    trust = Trust(embedded.shape[1])()
    return jnp.einsum("bm,bmk->bk", _weights(trust[None], present), jnp.stack(logits, axis=1))


def _gated(
    o: Options,
    classes: int,
    embedded: Float[Array, "B modalities embed"],
    present: Bool[Array, "B modalities"],
    rates: DropoutRates | None,
) -> Float[Array, "B {classes}"]:
    """Gated fusion: embeddings of the modalities present, each weighted by its own gate (Arevalo et al. 2017)."""
    scores = jnp.stack([nn.Dense(1)(embedded[:, i])[:, 0] for i in range(embedded.shape[1])], axis=1)  # [B, modalities]
    own = [nn.Dense(o.embed)(embedded[:, i]) for i in range(embedded.shape[1])]
    fused = jnp.einsum("bm,bme->be", _weights(scores, present), jnp.stack(own, axis=1))
    return layers.head(fused, o.dense, classes, rates)


class Trust(nn.Module):
    """A learned score per modality: `[modalities]`."""

    count: int

    @nn.compact
    def __call__(self) -> Float[Array, " {self.count}"]:
        return self.param("trust", nn.initializers.zeros, (self.count,))


def _weights(
    scores: Float[Array, "#B modalities"], present: Bool[Array, "B modalities"]
) -> Float[Array, "B modalities"]:
    """Softmax over the modalities present, 0 where there are none: `[B, modalities]`, or `[1, modalities]` for all."""
    highest = jnp.max(jnp.where(present, scores, -1e9), axis=1, keepdims=True)
    exponentials = jnp.where(present, jnp.exp(jnp.minimum(scores - highest, 0.0)), 0.0)
    return exponentials / jnp.maximum(jnp.sum(exponentials, axis=1, keepdims=True), 1e-9)


FUSIONS = {"late": _late, "gated": _gated}
