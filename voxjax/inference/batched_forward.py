"""Logits and summaries of windows from trained members, in batches of few shapes, to compile few programs."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from voxjax import encoders, models
from voxjax.artifacts.model_folder import TrainedMember, TrainedModel
from voxjax.audio import normalize, speaker_centring
from voxjax.audio.features import Extract, is_over_time
from voxjax.audio.speaker_centring import WindowSums
from voxjax.config import EncoderFeatures, FeatureConfig
from voxjax.encoders.extractor import extractor
from voxjax.encoders.tensors import Params
from voxjax.errors import VoxJaxError, mismatch
from voxjax.inference import domain_check
from voxjax.metrics import domain_distance
from voxjax.metrics.domain_distance import Density
from voxjax.modalities.batch import Sequences
from voxjax.models.forward import ForwardInputs, embedding, forward

_BATCH_ROWS = (1, 16, 8)  # of a compiled batch: for a single window, for many short and for many long ones
_SHORT = 0.25  # of the longest window: larger batches of longer ones would take more memory and no less time
_EMPTY = np.zeros((0, 1), np.float32)  # a modality that a clip does not have
# Fractions of the longest window that batches are padded to: of few windows in few programs, which take seconds to
# compile; of many in more of them, which compute less padding.
_LENGTHS = (0.25, 0.5, 1.0)
_MANY_LENGTHS = (0.25, 0.375, 0.5, 0.75, 1.0)


class LoadedMember(NamedTuple):
    """A network with its arrays on the device."""

    network: models.Network
    fused: tuple[str, ...]  # modalities other than the audio
    variables: models.Variables
    scaler: normalize.Scaler
    modality_scalers: Mapping[str, normalize.Scaler]


class LoadedFeatureSet(NamedTuple):
    """A feature set with the function that computes it, and the members that take it."""

    model: str  # the model folder, for messages
    classes: int
    features: FeatureConfig
    extract: Extract
    pretrained: Params  # encoder blocks that members have fine-tuned
    members: tuple[LoadedMember, ...]
    density: Density | None  # of the training clips; None in feature sets that have none
    scaler: normalize.Scaler  # that of the members: fitted to the training clips, or adapted to others


class Window(NamedTuple):
    """A window of a clip: one input of the network."""

    samples: Float[np.ndarray, " time"]  # float32; empty where there is no sound
    modality_inputs: Mapping[str, Float[np.ndarray, "_ _"]]  # float32 [T, D] each


class WindowOutputs(NamedTuple):
    """What members make of windows."""

    logits: Float[np.ndarray, "windows M K"]  # those of a member without any input are arbitrary
    distances: Float[np.ndarray, " windows"]  # from the training clips; NaN without sound or without a density
    embeddings: Float[np.ndarray, "windows D"]  # of all members, one after the other; D = 0 if not asked for


def load_feature_set(model: str, trained: TrainedModel, i: int) -> LoadedFeatureSet:
    """Feature set `i` of a model, with the members that take it."""
    feature_set, classes = trained.feature_sets[i], len(trained.labels)
    members = tuple(_loaded_member(member, classes) for member in trained.members if member.feature_set == i)
    features = feature_set.features
    pretrained = models.NOTHING_PRETRAINED
    if isinstance(features, EncoderFeatures) and feature_set.encoder is not None:
        pretrained = encoders.blocks_to_finetune(features, feature_set.encoder)
    extract = extractor(features, feature_set.encoder)
    density = trained.density if i == 0 else None
    scaler = members[0].scaler  # all members of a feature set have the same
    return LoadedFeatureSet(model, classes, features, extract, jax.device_put(pretrained), members, density, scaler)


def _loaded_member(member: TrainedMember, classes: int) -> LoadedMember:
    network = models.build(member.architecture, member.options, classes)
    variables = models.Variables(member.variables["params"], member.variables["stats"])
    arrays = jax.device_put((variables, member.scaler, dict(member.modality_scalers)))
    return LoadedMember(network, models.fused_modalities(member.options), *arrays)


def outputs(feature_set: LoadedFeatureSet, windows: Sequence[Window], with_embeddings: bool = False) -> WindowOutputs:
    """Logits of windows, their distances from the training clips and, if asked for, embeddings.

    Raises:
        VoxJaxError: at weights that do not fit the network.
    """
    logits = np.zeros((len(windows), len(feature_set.members), feature_set.classes), np.float32)
    distances = np.full(len(windows), np.nan)
    embeddings: dict[int, Float[np.ndarray, " D"]] = {}
    for own, batch in _batches(feature_set, windows):
        logits[own] = _batch_logits(feature_set, batch)[: len(own)]
        if feature_set.density is not None:
            found = domain_distance.distances(feature_set.density, _summaries(feature_set, batch)[: len(own)])
            distances[own] = np.where(np.asarray(batch.lengths)[: len(own)] > 0, found, np.nan)
        if with_embeddings:
            vectors = np.concatenate(_of_members(_embedding, feature_set, batch), axis=1)
            embeddings |= zip(own.tolist(), vectors, strict=False)
    empty = np.zeros(0, np.float32)
    return WindowOutputs(
        logits, distances, np.stack([embeddings[i] if with_embeddings else empty for i in range(len(windows))])
    )


def summaries(feature_set: LoadedFeatureSet, windows: Sequence[Window]) -> Float[np.ndarray, "windows D"]:
    """Summaries of windows, as `domain_check.summaries` of their features."""
    found: dict[int, Float[np.ndarray, " D"]] = {}
    for own, batch in _batches(feature_set, windows):
        found |= zip(own.tolist(), _summaries(feature_set, batch), strict=False)  # a batch ends with empty rows
    return np.stack([found[i] for i in range(len(windows))])


def sums(feature_set: LoadedFeatureSet, windows: Sequence[Window]) -> WindowSums:
    """Sums of the windows' unscaled features, to which a model is adapted."""
    over_time = int(feature_set.features.kind != "vector")
    found: dict[int, tuple[np.ndarray, ...]] = {}
    for own, batch in _batches(feature_set, windows):
        values, lengths = jax.device_get((batch.features, batch.lengths))
        parts = speaker_centring.window_sums(values[: len(own)], lengths[: len(own)], over_time)
        found |= zip(own.tolist(), zip(*parts, strict=True), strict=True)
    return WindowSums(*(np.stack(part) for part in zip(*(found[i] for i in range(len(windows))), strict=True)))


def _summaries(feature_set: LoadedFeatureSet, batch: ForwardInputs) -> Float[np.ndarray, "B D"]:
    over_time = is_over_time(feature_set.features)
    return domain_check.summaries(over_time, feature_set.scaler, batch.features, batch.lengths)


def _batches(
    feature_set: LoadedFeatureSet, windows: Sequence[Window]
) -> Iterator[tuple[Int[np.ndarray, " own"], ForwardInputs]]:
    """Batches of few shapes, each with the indices of its windows; unused rows follow these."""
    lengths = np.array([len(window.samples) for window in windows], np.int64)
    parts = _LENGTHS if len(windows) <= max(_BATCH_ROWS) else _MANY_LENGTHS
    single, of_short, of_long = _BATCH_ROWS
    order = np.argsort(lengths, kind="stable")  # so that windows of a batch have similar lengths
    start = 0
    while start < len(order):
        short = lengths[order[start : start + of_short]].max() <= _SHORT * feature_set.features.max_samples
        rows = single if len(windows) == 1 else of_short if short else of_long
        own = order[start : start + rows]
        start += rows
        yield own, _batch(feature_set, [windows[i] for i in own], rows, _padded(feature_set, lengths[own].max(), parts))


def _batch(feature_set: LoadedFeatureSet, windows: Sequence[Window], rows: int, size: int) -> ForwardInputs:
    """Windows as the features of a batch, computed at the shape `[rows, size]`."""
    samples, lengths = np.zeros((rows, size), np.float32), np.zeros(rows, np.int32)
    for i, window in enumerate(windows):
        lengths[i] = len(window.samples)
        samples[i, : lengths[i]] = window.samples
    features, positions = feature_set.extract(samples, np.maximum(lengths, 1))
    return ForwardInputs(features, jnp.where(lengths > 0, positions, 0), _modality_inputs(feature_set, windows, rows))


def _batch_logits(feature_set: LoadedFeatureSet, batch: ForwardInputs) -> Float[np.ndarray, "B M K"]:
    return np.stack(_of_members(_forward, feature_set, batch), axis=1)


def _of_members(
    function: Callable[..., Array], feature_set: LoadedFeatureSet, batch: ForwardInputs
) -> list[Float[np.ndarray, "B _"]]:
    """What a function with the arguments of `forward` gives for each member."""
    try:
        found = [
            function(
                one.network,
                feature_set.features,
                one.fused,
                one.variables,
                one.scaler,
                one.modality_scalers,
                feature_set.pretrained,
                batch,
            )
            for one in feature_set.members
        ]
    except models.WeightsError as error:
        do = "copy the model folder again"
        raise VoxJaxError(mismatch(feature_set.model, "weights that fit its model.json", str(error), do)) from error
    return [np.asarray(one) for one in jax.device_get(found)]


def _modality_inputs(feature_set: LoadedFeatureSet, windows: Sequence[Window], rows: int) -> dict[str, Sequences]:
    """The modalities other than the audio, in few shapes: `[rows, T, D]` each."""
    sizes = {
        name: scaler.mean.shape[-1] for one in feature_set.members for name, scaler in one.modality_scalers.items()
    }
    found = {}
    for name, size in sizes.items():
        own = [window.modality_inputs[name] if name in window.modality_inputs else _EMPTY for window in windows]
        longest = max(len(values) for values in own)
        padded = np.zeros((rows, 1 << max(0, longest - 1).bit_length(), size), np.float32)
        lengths = np.zeros(rows, np.int32)
        for i, values in enumerate(own):
            lengths[i] = len(values)
            padded[i, : lengths[i]] = values
        found[name] = Sequences(padded, lengths)
    return found


_STATIC = ("network", "features", "modalities")
_forward = jax.jit(forward, static_argnames=_STATIC)
_embedding = jax.jit(embedding, static_argnames=_STATIC)  # of its own, so that logits have the same bits without it


def _padded(feature_set: LoadedFeatureSet, samples: int, parts: Sequence[float]) -> int:
    """The shortest of the compiled lengths that holds this many samples."""
    longest = feature_set.features.max_samples
    return next(size for part in parts if (size := math.ceil(part * longest)) >= samples)
