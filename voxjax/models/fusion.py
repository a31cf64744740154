"""Fusion: the Optimized network on audio, and what further modalities say, late or by gated attention."""

import dataclasses
from collections.abc import Mapping

import flax.linen as nn
import jax
import jax.numpy as jnp

from voxjax.config import one_of
from voxjax.errors import UsageError, mismatch
from voxjax.modalities.names import AUDIO
from voxjax.models import layers, optimized, option_checks
from voxjax.models.layers import DropoutRates

Array = jax.Array


@dataclasses.dataclass(frozen=True)
class Options:
    """Shape of the network."""

    modalities: tuple[str, ...] = ("text",)  # beside the audio
    audio: optimized.Options = dataclasses.field(default_factory=optimized.Options)
    fuse: str = "gated"  # late: modalities' own scores, averaged | gated: their embeddings, under learned attention
    embed: int = 64  # numbers that each modality is summed up in
    project: int = 64  # width of the dense layer over each position of a modality
    heads: int = 4  # of the attention pooling over its positions
    dense: tuple[int, ...] = (64,)  # behind the fused embedding

    def __post_init__(self) -> None:
        option_checks.sizes(self, ("modalities",))
        option_checks.pooling("attention", option_checks.AFTER_CONVOLUTIONS, self.project, self.heads)
        one_of("config.model.fuse", self.fuse, FUSIONS)
        if len(set(self.modalities)) < len(self.modalities):
            found = ", ".join(self.modalities)
            raise UsageError(mismatch("config.model.modalities", "each once", found, "remove the second"))


class Branch(nn.Module):
    """One modality in a vector: `[B, T, D]` with bool `[B, T]` to `[B, embed]`; `[D]` alone is a sequence of one."""

    options: Options

    @nn.compact
    def __call__(self, x: Array, mask: Array, rates: DropoutRates | None) -> Array:
        x = nn.relu(nn.Dense(self.options.project)(x))  # [B, T, project]
        x = layers.Dropout()(x, None if rates is None else rates.block)
        return nn.Dense(self.options.embed)(layers.AttentionPool(self.options.heads)(x, mask))


class Fusion(nn.Module):
    """Scores of the classes from any of the modalities that a clip has.

    Inputs and masks by modality, `[B, T, D]` and bool `[B, T]`, `audio` among them, to logits `[B, K]`. A modality
    whose mask is nowhere true is absent: what stands there changes nothing. Without any, the classes score alike.
    """

    options: Options
    classes: int

    @nn.compact
    def __call__(self, inputs: Mapping[str, Array], masks: Mapping[str, Array], rates: DropoutRates | None) -> Array:
        o, parts = self.options, []
        present = jnp.stack([jnp.any(masks[name], axis=1) for name in (AUDIO, *o.modalities)], axis=1)  # [B, M]
        for i, name in enumerate((AUDIO, *o.modalities)):
            x = jnp.where(masks[name][..., None], inputs[name], 0.0)
            # An absent one gives a finite number, which then counts for nothing.
            mask = masks[name].at[:, 0].set(masks[name][:, 0] | ~present[:, i])
            if name == AUDIO:
                parts.append(optimized.Optimized(o.audio, o.embed, name=AUDIO)(x, mask, rates))
            else:
                parts.append(Branch(o, name=name)(x, mask, rates))
        embedded = jnp.tanh(jnp.stack(parts, axis=1))  # [B, M, embed]
        logits = FUSIONS[o.fuse](o, self.classes, embedded, present, rates)
        return jnp.where(jnp.any(present, axis=1)[:, None], logits, 0.0)


def _late(o: Options, classes: int, embedded: Array, present: Array, rates: DropoutRates | None) -> Array:
    """Each modality's own scores, averaged over those present under learned weights."""
    del rates
    own = [nn.Dense(classes)(embedded[:, i]) for i in range(embedded.shape[1])]
    trust = Trust(embedded.shape[1])()
    return jnp.einsum("bm,bmk->bk", _weights(trust[None], present), jnp.stack(own, axis=1))


def _gated(o: Options, classes: int, embedded: Array, present: Array, rates: DropoutRates | None) -> Array:
    """Embeddings of those present, added under weights that depend on them (Arevalo et al. 2017)."""
    scores = jnp.stack([nn.Dense(1)(embedded[:, i])[:, 0] for i in range(embedded.shape[1])], axis=1)  # [B, M]
    own = [nn.Dense(o.embed)(embedded[:, i]) for i in range(embedded.shape[1])]
    fused = jnp.einsum("bm,bme->be", _weights(scores, present), jnp.stack(own, axis=1))
    return layers.head(fused, o.dense, classes, rates)


class Trust(nn.Module):
    """A learned number a modality: `[M]`."""

    count: int

    @nn.compact
    def __call__(self) -> Array:
        return self.param("trust", nn.initializers.zeros, (self.count,))


def _weights(scores: Array, present: Array) -> Array:
    """Shares of the modalities present; 0 where there is none: `[B, M]`."""
    highest = jnp.max(jnp.where(present, scores, -1e9), axis=1, keepdims=True)
    raised = jnp.where(present, jnp.exp(jnp.minimum(scores - highest, 0.0)), 0.0)
    return raised / jnp.maximum(jnp.sum(raised, axis=1, keepdims=True), 1e-9)


FUSIONS = {"late": _late, "gated": _gated}
