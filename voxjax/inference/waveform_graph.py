"""A trained model as one pure function of the waveform: samples in, log-probabilities out, the front end inside.

It computes what the predictor computes, with masks where the predictor cuts on the host, so that one program serves
every length: `jax.jit` and `jax.grad` are put around it by the caller, and `voxjax.deploy` writes it to files.

Sizes: `time` samples, `W` windows, `S` samples of a window, `M` members, `K` classes.
"""

import itertools
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from voxjax import encoders, models
from voxjax.artifacts.model_folder import TrainedFeatures, TrainedMember, TrainedModel
from voxjax.config import EncoderFeatures, FeatureConfig
from voxjax.encoders.extractor import extractor
from voxjax.encoders.tensors import Params
from voxjax.errors import UsageError, mismatch
from voxjax.models.forward import ForwardInputs, forward

Samples = Float[Array | np.ndarray, " time"]
Extent = tuple[Int[Array | np.ndarray, ""] | int, Int[Array | np.ndarray, ""] | int]  # first sample, number of samples


class WaveformGraph(NamedTuple):
    """A model as a function of samples.

    `log_probabilities(weights, samples)` takes float32 `[time]` at `sample_rate_hz`, mono, full scale 1, of at least
    0.1 s, and returns float32 `[K]`: logarithms of the calibrated probabilities of `labels`. It is pure and
    differentiable; a program is compiled for each length, unless `jax.export` makes the length symbolic. It does not
    check the sound: at silence and at NaN it returns what the arithmetic gives. A third argument, an `Extent` for each
    of `features`, is the part of the samples that is used, in place of what trimming leaves.

    `weights` is a tree of arrays, in half precision where that loses nothing.
    """

    labels: tuple[str, ...]
    sample_rate_hz: int
    features: tuple[FeatureConfig, ...]
    weights: Params
    log_probabilities: Callable[..., Float[Array, " K"]]


class Windows(NamedTuple):
    """A clip in near-equal windows; those beyond its own number are empty."""

    samples: Float[Array, "W S"]  # zeros beyond each length
    lengths: Int[Array, " W"]  # int32, in samples; 0 where unused


def waveform_graph(name: str, trained: TrainedModel) -> WaveformGraph:
    """The function of a trained model.

    Args:
        name: of the model, for messages.
        trained: what `model_folder.load` returns.

    Raises:
        UsageError: at a model that also takes text, face or physiology.
    """
    if fused := sorted({modality for member in trained.members for modality in member.modalities}):
        do = "choose a model that was trained on sound alone"
        raise UsageError(mismatch(name, "a model of sound alone", f"one that also takes {', '.join(fused)}", do))
    voting = [member for member in trained.members if member.weight > 0]
    used = sorted({member.feature_set for member in voting})
    own = [[member for member in voting if member.feature_set == i] for i in used]  # by feature set
    configs = [trained.feature_sets[i].features for i in used]
    networks = [[models.build(one.architecture, one.options, len(trained.labels)) for one in group] for group in own]
    votes = np.array([member.weight for group in own for member in group], np.float64)
    log_votes = np.log(votes / votes.sum()).astype(np.float32)

    def log_probabilities(
        weights: Params, samples: Samples, extents: Sequence[Extent] | None = None
    ) -> Float[Array, " K"]:
        weights = jax.tree.map(lambda leaf: jnp.asarray(leaf).astype(jnp.float32), weights)
        sound = without_offset(jnp.asarray(samples, jnp.float32))
        extent_of: Iterable[Extent | None] = itertools.repeat(None) if extents is None else extents
        cuts = [windows(config, sound, extent) for config, extent in zip(configs, extent_of, strict=False)]
        rows = zip(configs, networks, weights["feature_sets"], cuts, strict=True)
        logits = jnp.concatenate([_logits(*row) for row in rows])  # [M, K]
        voted = jax.nn.logsumexp(jax.nn.log_softmax(logits) + log_votes[:, None], axis=0)
        return jax.nn.log_softmax(voted / trained.temperature)

    weights = {"feature_sets": [_weights(trained.feature_sets[i], group) for i, group in zip(used, own, strict=True)]}
    rate_hz = trained.feature_sets[0].features.sample_rate_hz  # all feature sets have it
    return WaveformGraph(trained.labels, rate_hz, tuple(configs), jax.tree.map(_halved, weights), log_probabilities)


def without_offset(samples: Float[Array, " time"]) -> Float[Array, " time"]:
    """The samples less their mean, subtracted twice: the rounding of a long sum is gone after the second time."""
    for _ in range(2):
        samples = samples - jnp.mean(samples)
    return samples


def windows(config: FeatureConfig, samples: Float[Array, " time"], extent: Extent | None = None) -> Windows:
    """What `audio.features.prepare` and `windows` make of a clip: trimmed, at its level, in near-equal windows.

    Args:
        config: the features.
        samples: of the clip.
        extent: the part that is used; None trims. With it, windows are not longer than the samples.
    """
    size = config.max_samples if extent is None else min(config.max_samples, samples.shape[0])
    first, length = trimmed(config, samples) if extent is None else map(jnp.int32, extent)
    count = jax.lax.div(length + config.max_samples - 1, jnp.int32(config.max_samples))
    each, longer = jax.lax.div(length, count), jax.lax.rem(length, count)  # the first `longer` have one sample more
    number = jnp.arange(-(-samples.shape[0] // config.max_samples), dtype=jnp.int32)
    starts = first + number * each + jnp.minimum(number, longer)
    lengths = jnp.where(number < count, each + (number < longer).astype(jnp.int32), 0)
    place = jnp.arange(size, dtype=jnp.int32)
    cut = jnp.take(samples, starts[:, None] + place[None, :], mode="clip")  # [W, S]
    cut = jnp.where(place[None, :] < lengths[:, None], cut, 0.0)
    if config.level == "peak":
        cut = cut / jnp.maximum(jnp.max(jnp.abs(cut)), 1e-4)
    return Windows(cut, lengths)


def trimmed(config: FeatureConfig, samples: Float[Array, " time"]) -> tuple[Int[Array, ""], Int[Array, ""]]:
    """First sample and number of samples from the first to the last loud frame, as `audio.features.trimmed`: int32."""
    hop, time = config.hop_samples, samples.shape[0]
    frames = -(-time // hop)
    power = jnp.mean(jnp.square(jnp.pad(samples, (0, frames * hop - time)).reshape(frames, hop)), axis=1)
    loud = power > jnp.max(power) * 10.0 ** (-config.trim_db / 10.0)
    loud = loud | ~jnp.any(loud)  # all of a clip without power
    number = jnp.arange(frames, dtype=jnp.int32)
    first = jnp.min(jnp.where(loud, number, jnp.asarray(frames, jnp.int32))) * hop
    end = jnp.minimum((jnp.max(jnp.where(loud, number, 0)) + 1) * hop, jnp.asarray(time, jnp.int32))
    return first, end - first


def _logits(
    config: FeatureConfig, networks: list[models.Network], weights: Params, cut: Windows
) -> Float[Array, "M K"]:
    """Mean logits over the clip's windows of the members that share a feature set."""
    inside: Bool[Array, " W"] = cut.lengths > 0
    encoder = weights["encoder"]
    features, positions = extractor(config, encoder)(cut.samples, jnp.maximum(cut.lengths, 1))
    inputs = ForwardInputs(features, positions, {})
    pretrained = models.NOTHING_PRETRAINED
    if isinstance(config, EncoderFeatures) and encoder is not None:
        pretrained = encoders.blocks_to_finetune(config, encoder)
    means = []
    for network, member in zip(networks, weights["members"], strict=True):
        variables = models.Variables(member["params"], member["stats"])
        logits = forward(network, config, (), variables, member["scaler"], {}, pretrained, inputs)  # [W, K]
        total = jnp.sum(jnp.where(inside[:, None], logits, 0.0), axis=0)
        means.append(total / jnp.sum(inside).astype(jnp.float32))
    return jnp.stack(means)


def _weights(feature_set: TrainedFeatures, members: list[TrainedMember]) -> Params:
    own = [{**member.variables, "scaler": member.scaler} for member in members]
    return {"encoder": feature_set.encoder, "members": own}


def _halved(leaf: np.ndarray) -> np.ndarray:
    """The array in half precision, where every number of it is one of half precision."""
    with np.errstate(over="ignore"):
        half = np.asarray(leaf).astype(np.float16)
    return half if np.array_equal(half.astype(np.float32), leaf) else np.asarray(leaf, np.float32)
