"""One training step of one member: a pure function of arrays. `jit` and `vmap` are put around it in other files."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Bool, Float, Int, Key

from voxjax import losses, optim
from voxjax.audio import augment, normalize
from voxjax.config import FeatureConfig, Hyper
from voxjax.encoders.tensors import Params
from voxjax.modalities import batch as modality_batch
from voxjax.models import NOTHING_PRETRAINED, DropoutRates, Inputs, Masks, Network, TrainingClips, Variables
from voxjax.models.forward import ForwardInputs, forward, scaled_inputs
from voxjax.train import selection

Leaf = Array | np.ndarray | np.floating  # an array on a device or on the host, or a number

Objective = tuple[Float[Array, ""], tuple[Float[Array, ""], Params]]  # the loss, the hits and the new statistics


@dataclasses.dataclass(frozen=True)
class Task:
    """The static arguments of a step. Members with equal tasks can be stacked."""

    network: Network
    features: FeatureConfig
    classes: int
    loss: str = "focal"  # a name in `losses.LOSSES`
    crop: int = 0  # maximum frames of a clip in a step; 0 takes all
    precision: str = "float32"  # of the network in a step; weights, moments, statistics and loss are float32
    modalities: tuple[str, ...] = ()  # other than the audio, which the network fuses
    feature_set: int = 0  # index of the member's feature set in the run


class Clips(NamedTuple):
    """Clips on the device, unscaled, shared by all members. Copy 0 is the clip itself; further copies are augmented."""

    features: Float[Array | np.ndarray, "clips copies T C"]
    lengths: Int[Array | np.ndarray, "clips copies"]  # int32
    labels: Int[Array | np.ndarray, " clips"]  # int32
    pretrained: Params = NOTHING_PRETRAINED  # an encoder's blocks above those of the features; steps do not change them
    modality_inputs: Mapping[str, modality_batch.Sequences] = {}  # of the modalities other than the audio, by name
    speakers: Int[Array | np.ndarray, " clips"] | None = None  # int32, where members have offsets of speakers

    def map_rows(self, change: Callable[[Array | np.ndarray], Array | np.ndarray]) -> "Clips":
        """The clips with a change of every array that has one row per clip."""
        return jax.tree.map(change, self._replace(pretrained={}))._replace(pretrained=self.pretrained)


class Data(NamedTuple):
    """The data of a member: the clips that all members share, and statistics of its own training clips."""

    clips: Clips
    scaler: normalize.Scaler
    class_weights: Float[Array | np.ndarray, " K"]  # mean 1 over the member's training clips
    total_steps: Float[Array | np.ndarray, ""] | np.floating
    modality_scalers: Mapping[str, normalize.Scaler] = {}  # of `clips.modality_inputs`, by name
    # What is subtracted from the features of each speaker, 0 for those that are not trained on.
    offsets: Float[Array | np.ndarray, "speakers P C"] | None = None

    def features(
        self, indices: Int[Array | np.ndarray, "*B"], copy: Int[Array, ""] | int
    ) -> Float[Array | np.ndarray, "*B T C"]:
        """The unscaled features of clips, centred by speaker where the member has offsets: `[*B] -> [*B, T, C]`."""
        values = self.clips.features[indices, copy]
        if self.offsets is None or self.clips.speakers is None:
            return values
        return values.astype(jnp.float32) - self.offsets[self.clips.speakers[indices]]


class State(NamedTuple):
    """The training state of a member."""

    step: Int[Array, ""]  # int32
    variables: Variables
    optimizer: optax.OptState  # Adam's moments, of the flat parameters
    averaged: Variables  # exponential moving average, evaluated and kept


class Sums(NamedTuple):
    """Sums over the clips of a step, added up over steps and divided once, on the host.

    A step with a non-finite loss or gradient changes no weight and counts only in `nonfinite` and `steps`.
    """

    loss: Leaf  # mean loss of a step times its clips
    correct: Leaf  # clips for which the predicted class is their (mixed) majority label
    clips: Leaf
    gradient_norm: Leaf  # of each step
    learning_rate: Leaf  # of each step
    nonfinite: Leaf
    steps: Leaf


def traced(hyper: Hyper) -> Hyper:
    """The numbers of a config as float32 arrays."""
    return jax.tree.map(lambda value: jnp.asarray(value, jnp.float32), hyper)


def init(task: Task, hyper: Hyper, key: Key[Array, ""], data: Data) -> State:
    """Fresh weights and moments; `key` identifies the member."""
    shape = (2, *data.clips.features.shape[2:])
    audio = jnp.zeros(shape)
    inputs: Inputs = audio
    if task.modalities:
        inputs = modality_batch.zeros_like_modalities(task.modalities, data.clips.modality_inputs, audio)
    mask = jax.tree.map(lambda x: jnp.ones(x.shape[:2], bool), inputs)
    variables = task.network.init(jax.random.fold_in(key, 0), inputs, mask, data.clips.pretrained)
    optimizer = optim.adamw(hyper, jnp.float32(0)).init(optim.flatten(variables.params))
    # A copy, so that a donated state does not have one buffer twice.
    averaged = jax.tree.map(jnp.copy, variables)
    return State(jnp.int32(0), variables, optimizer, averaged)


def training_clips(
    task: Task, data: Data, rows: Int[Array | np.ndarray, " rows"], key: Key[Array, ""]
) -> TrainingClips:
    """The clips of a closed-form fit, scaled as they are read.

    Args:
        task, data: as for `train_step`.
        rows: int32 `[rows]`, rows of `data.clips`.
        key: the member's, for models that draw something.
    """
    rows, data = jnp.asarray(rows), jax.tree.map(jnp.asarray, data)  # as they are read by traced numbers

    def read(numbers: Int[Array, " B"], copy: int) -> tuple[Float[Array, "B T C"], Bool[Array, "B T"]]:
        inputs, mask = scaled_inputs(
            task.features, (), data.scaler, {}, _forward_inputs(task, data, rows[numbers], copy)
        )
        assert not isinstance(inputs, Mapping) and not isinstance(mask, Mapping)  # of the audio alone
        return inputs, mask

    return TrainingClips(read, jnp.asarray(data.clips.labels[rows]), data.clips.lengths.shape[1], key)


def batch(
    task: Task, hyper: Hyper, progress: Float[Array, ""], data: Data, indices: Int[Array, " B"], key: Key[Array, ""]
) -> augment.Batch:
    """The augmented, scaled, masked and mixed clips at `indices`: `[B] -> Batch`.

    The random draws of an example depend on the step's key and its place in the batch, and not on the clip:
    a small corpus has the same clip twice in a batch, and the two must differ.
    """
    clips, strength = data.clips, optim.ramp(progress, hyper.ramp_fraction)
    draws = augment.draws(key, indices.size)

    def one(draws: augment.Draws, index: Int[Array, ""]) -> tuple[Float[Array, "T C"], Bool[Array, " T"]]:
        copy = _choose_copy(draws.copy, strength * hyper.offline_augment_probability, clips.lengths.shape[1])
        clip = augment.Clip(jnp.asarray(data.features(index, copy), jnp.float32), clips.lengths[index, copy])
        clip = augment.distort(task.features, draws, hyper, strength, clip, task.crop)
        mask = jnp.arange(clip.frames.shape[0]) < clip.length
        values = normalize.apply(task.features, data.scaler, clip.frames, mask)
        values = augment.spec_augment(draws, hyper, strength, values, clip.length)
        return jnp.where(mask[:, None], values, 0.0), mask

    audio, mask = jax.vmap(one)(draws, indices)
    inputs: tuple[Inputs, Masks] = (audio, mask)
    if task.modalities:
        drop_keys = jax.vmap(jax.random.fold_in, (None, 0))(key, jnp.arange(indices.size))
        joined = _with_modalities(task, data, indices, audio, mask)
        inputs = modality_batch.drop(drop_keys, strength * hyper.modality_dropout, *joined)
    targets = jax.nn.one_hot(clips.labels[indices], task.classes)
    unmixed = augment.Batch(*inputs, targets)
    probability = strength * hyper.mixup_probability
    return augment.mixup(draws.mixup, hyper.mixup_alpha, probability, unmixed)


def train_step(
    task: Task,
    hyper: Hyper,
    state: State,
    data: Data,
    indices: Int[Array, " B"],
    key: Key[Array, ""],
    active: Bool[Array, ""] | bool = True,
) -> tuple[State, Sums]:
    """One update of one member on one batch.

    Args:
        task: static.
        hyper: traced numbers of this member.
        state: before the step. Its buffers may be donated.
        data: clips on the device.
        indices: int32 `[B]`, rows of `data.clips`.
        key: the member's key. The step's randomness is `fold_in(key, step)`.
        active: where false, the state is kept to the bit, and the sums are 0.

    Returns:
        The state after the step, and its sums.
    """
    # 0 is the key of the initial weights.
    batch_key, dropout_key = jax.random.split(jax.random.fold_in(key, state.step + 1))
    progress = state.step.astype(jnp.float32) / data.total_steps
    examples = batch(task, hyper, progress, data, indices, batch_key)
    objective = _objective(task, hyper, progress, state.variables.stats, data, examples, dropout_key)
    (loss, (hits, stats)), gradient = jax.value_and_grad(objective, has_aux=True)(state.variables.params)
    before = _flat(state)
    loss, flat_gradient = optim.add_l2(hyper.l2, loss, optim.flatten(gradient), before.variables.params)
    norm, rate = optax.tree.norm(flat_gradient), optim.learning_rate(hyper, progress)
    finite = jnp.isfinite(loss) & jnp.isfinite(norm)

    def updated(before: State, stats: Params, gradient: optim.Flat) -> State:
        params, optimizer = optim.update(hyper, progress, gradient, before.optimizer, before.variables.params)
        variables = Variables(params, stats)
        averaged = optim.moving_average(hyper.ema_decay, before.step, before.averaged, variables)
        return State(before.step, variables, optimizer, averaged)

    new = _unflat(selection.changed(finite & active, updated, before, stats, flat_gradient), like=state)
    one = jnp.float32(1)
    sums = Sums(loss * indices.size, hits, one * indices.size, norm, rate, one - one, one)
    none = jax.tree.map(jnp.zeros_like, sums)
    sums = selection.select(
        jnp.asarray(active), selection.select(finite, sums, none._replace(nonfinite=one, steps=one)), none
    )
    return new._replace(step=state.step + jnp.asarray(active, jnp.int32)), sums


def _flat(state: State) -> State:
    """The state with its parameters as few vectors."""
    variables, averaged = (
        each._replace(params=optim.flatten(each.params)) for each in (state.variables, state.averaged)
    )
    return state._replace(variables=variables, averaged=averaged)


def _unflat(state: State, like: State) -> State:
    """The inverse of `_flat`; shapes are those of `like`."""
    shapes = like.variables.params
    variables, averaged = (
        each._replace(params=optim.unflatten(each.params, shapes)) for each in (state.variables, state.averaged)
    )
    return state._replace(variables=variables, averaged=averaged)


def _objective(
    task: Task,
    hyper: Hyper,
    progress: Float[Array, ""],
    stats: Params,
    data: Data,
    examples: augment.Batch,
    key: Key[Array, ""],
) -> Callable[[Params], Objective]:
    """The loss of a batch as a function of the weights, with the number of hits and the new statistics."""
    strength, loss_strength = optim.ramp(progress, hyper.ramp_fraction), optim.ramp(progress, hyper.loss_ramp_fraction)
    rates = DropoutRates(strength * hyper.dropout, strength * hyper.head_dropout)
    targets = losses.smooth_labels(examples.targets, hyper.label_smoothing)
    weights = 1.0 + loss_strength * (examples.targets @ data.class_weights - 1.0)

    def objective(params: Params) -> Objective:
        trees = (params, examples.inputs, data.clips.pretrained)
        lowered, inputs, pretrained = optax.tree.cast(trees, task.precision)
        variables = Variables(lowered, stats)
        logits, new = task.network.apply_train(variables, inputs, examples.mask, rates, key, pretrained)
        logits = logits.astype(jnp.float32)
        each = jax.vmap(losses.LOSSES[task.loss], (0, 0, None))(logits, targets, loss_strength * hyper.focal_gamma)
        hits = jnp.argmax(logits, -1) == jnp.argmax(examples.targets, -1)
        return jnp.mean(weights * each), (jnp.sum(hits, dtype=jnp.float32), new)

    return objective


def evaluate(
    task: Task, variables: Variables, data: Data, indices: Int[Array | np.ndarray, " B"]
) -> Float[Array, "B K"]:
    """Logits of clips without augmentation: `[B] -> [B, K]`."""
    inputs = _forward_inputs(task, data, indices)
    scalers = (data.scaler, data.modality_scalers)
    pretrained = data.clips.pretrained
    return forward(task.network, task.features, task.modalities, variables, *scalers, pretrained, inputs)


def _forward_inputs(task: Task, data: Data, indices: Int[Array | np.ndarray, " B"], copy: int = 0) -> ForwardInputs:
    """The unscaled features of clips. Copy 0 is the clip itself."""
    clips = data.clips
    names = task.modalities
    inputs = {name: jax.tree.map(lambda x: x[indices], clips.modality_inputs[name]) for name in names}
    return ForwardInputs(data.features(indices, copy), clips.lengths[indices, copy], inputs)


def _with_modalities(
    task: Task, data: Data, indices: Int[Array, " B"], inputs: Float[Array, "B T C"], mask: Bool[Array, "B T"]
) -> tuple[modality_batch.Inputs, modality_batch.Masks]:
    sequences, scalers = data.clips.modality_inputs, data.modality_scalers
    return modality_batch.gather_modalities(task.modalities, sequences, scalers, indices, (inputs, mask))


def _choose_copy(draws: Float[Array, "2"], probability: Float[Array, ""], copies: int) -> Int[Array, ""]:
    """0, or with this probability one of the augmented copies: int32 `[]`."""
    coin, which = draws
    other = 1 + jnp.floor(which * (copies - 1)).astype(jnp.int32)
    return jnp.where(coin < probability, jnp.minimum(other, copies - 1), 0)
