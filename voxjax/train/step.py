"""One training step of one member: pure, over arrays alone. `jit` and `vmap` are put around it outside."""

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from voxjax import losses, optim
from voxjax.audio import augment, normalize
from voxjax.config import FeatureConfig, Hyper
from voxjax.modalities import batch as modality_batch
from voxjax.models import DropoutRates, Network, Variables

Array = jax.Array


@dataclasses.dataclass(frozen=True)
class Task:
    """What is fixed when the step is compiled. Members with equal tasks can be stacked."""

    network: Network
    features: FeatureConfig
    classes: int
    loss: str = "focal"  # a name in `losses.LOSSES`
    crop: int = 0  # frames that a step sees of a clip at most; 0 shows it whole
    precision: str = "float32"  # of the network in a step; weights, moments, statistics and loss are float32
    modalities: tuple[str, ...] = ()  # beside the audio, that the network fuses
    view: int = 0  # which of a run's sets of clips it learns from, where members have different features


class Clips(NamedTuple):
    """Clips on the device, unscaled, one copy for all members. Copy 0 is the clip itself."""

    features: Array | np.ndarray  # [clips, copies, T, C]
    lengths: Array | np.ndarray  # int32 [clips, copies]
    labels: Array | np.ndarray  # int32 [clips]
    pretrained: Any = ()  # an encoder's blocks above those that made the features; no step changes them
    others: Any = ()  # modalities beside the audio, by name: `modalities.Sequences`

    def each(self, change: Callable[[Any], Any]) -> "Clips":
        """The same with every array changed that has a row a clip."""
        return jax.tree.map(change, self._replace(pretrained=()))._replace(pretrained=self.pretrained)


class Data(NamedTuple):
    """What a member learns from: the clips that all share, and what was fitted on its own share of them."""

    clips: Clips
    scaler: normalize.Scaler
    class_weights: Array  # [K], mean 1 over the member's training clips
    total_steps: Array  # float32 []
    other_scalers: Any = ()  # of `clips.others`, by name


class State(NamedTuple):
    """Everything that training changes."""

    step: Array  # int32 []
    variables: Variables
    optimizer: Any  # Adam's moments
    averaged: Variables  # exponential moving average, evaluated and kept


class Sums(NamedTuple):
    """What a step measured, added up over steps and divided once, on the host.

    A step whose loss or gradient is not finite changes no weight and counts in `nonfinite` and `steps` alone.
    """

    loss: Array
    correct: Array  # clips whose likeliest class is their (mixed) majority label
    clips: Array
    gradient_norm: Array
    learning_rate: Array
    nonfinite: Array
    steps: Array


def traced(hyper: Hyper) -> Hyper:
    """The numbers of a config as float32 arrays."""
    return jax.tree.map(lambda value: jnp.asarray(value, jnp.float32), hyper)


def init(task: Task, hyper: Hyper, key: Array, data: Data) -> State:
    """Fresh weights and moments; `key` names the member."""
    shape = (2, *data.clips.features.shape[2:])
    inputs: Any = jnp.zeros(shape)
    if task.modalities:
        inputs = modality_batch.zeros_like_modalities(task.modalities, data.clips.others, inputs)
    mask = jax.tree.map(lambda x: jnp.ones(x.shape[:2], bool), inputs)
    variables = task.network.init(jax.random.fold_in(key, 0), inputs, mask, data.clips.pretrained)
    optimizer = optim.adamw(hyper, jnp.float32(0)).init(variables.params)
    # The copy keeps a donated state from holding one buffer twice.
    averaged = jax.tree.map(jnp.copy, variables)
    return State(jnp.int32(0), variables, optimizer, averaged)


def fit(task: Task, state: State, data: Data, rows: Array) -> State:
    """The state of a network that is fitted in closed form, to whole clips and all their copies.

    Args:
        task, data: as for `train_step`.
        state: from `init`.
        rows: int32 `[n]`, of `data.clips`.
    """
    copies = data.clips.lengths.shape[1]
    shown = [_whole(task, data, rows, copy) for copy in range(copies)]
    inputs, mask = (jnp.stack(parts, axis=1).reshape(-1, *parts[0].shape[1:]) for parts in zip(*shown, strict=True))
    labels = jnp.repeat(data.clips.labels[rows], copies)  # a clip's copies behind it
    variables = task.network.fit(state.variables, inputs, mask, labels)
    return state._replace(variables=variables, averaged=jax.tree.map(jnp.copy, variables))


def batch(task: Task, hyper: Hyper, progress: Array, data: Data, indices: Array, key: Array) -> augment.Batch:
    """Gathers, distorts, scales, hides and mixes the clips at `indices`: `[B] -> Batch`."""
    clips, strength = data.clips, optim.ramp(progress, hyper.ramp_fraction)
    example_keys = jax.vmap(jax.random.fold_in, (None, 0))(jax.random.fold_in(key, 0), jnp.arange(indices.size))

    def one(key: Array, index: Array) -> tuple[Array, Array]:
        copy_key, distort_key, hide_key = (jax.random.fold_in(key, i) for i in range(3))
        copy = _choose_copy(copy_key, strength * hyper.offline_augment_probability, clips.lengths.shape[1])
        clip = augment.Clip(clips.features[index, copy].astype(jnp.float32), clips.lengths[index, copy])
        clip = augment.distort(task.features, distort_key, hyper, strength, clip, task.crop)
        mask = jnp.arange(clip.frames.shape[0]) < clip.length
        values = normalize.apply(task.features, data.scaler, clip.frames, mask)
        values = augment.spec_augment(hide_key, hyper, strength, values, clip.length)
        return jnp.where(mask[:, None], values, 0.0), mask

    shown: tuple[Any, Any] = jax.vmap(one)(example_keys, indices)
    if task.modalities:
        hide_keys = jax.vmap(jax.random.fold_in, (0, None))(example_keys, 3)
        joined = _joined(task, data, indices, *shown)
        shown = modality_batch.drop(hide_keys, strength * hyper.modality_dropout, *joined)
    targets = jax.nn.one_hot(clips.labels[indices], task.classes)
    plain = augment.Batch(*shown, targets)
    share = strength * hyper.mixup_probability
    return augment.mixup(jax.random.fold_in(key, 1), hyper.mixup_alpha, share, plain)


def train_step(task: Task, hyper: Hyper, state: State, data: Data, indices: Array, key: Array) -> tuple[State, Sums]:
    """One update of one member on one batch.

    Args:
        task: static.
        hyper: traced numbers of this member.
        state: before the step. Its buffers may be donated.
        data: clips on the device.
        indices: int32 `[B]`, rows of `data.clips`.
        key: the member's key. The step's randomness is `fold_in(key, step)`.

    Returns:
        The state after the step, and its sums.
    """
    key = jax.random.fold_in(key, state.step + 1)  # 0 is the weights' own
    progress = state.step.astype(jnp.float32) / data.total_steps
    examples = batch(task, hyper, progress, data, indices, jax.random.fold_in(key, 0))
    objective = _objective(task, hyper, progress, state.variables.stats, data, examples, jax.random.fold_in(key, 1))
    (loss, (hits, stats)), gradient = jax.value_and_grad(objective, has_aux=True)(state.variables.params)
    norm, rate = optax.tree.norm(gradient), optim.learning_rate(hyper, progress)
    params, optimizer = optim.update(hyper, progress, gradient, state.optimizer, state.variables.params)
    variables = Variables(params, stats)
    averaged = optim.moving_average(hyper.ema_decay, state.step, state.averaged, variables)
    finite = jnp.isfinite(loss) & jnp.isfinite(norm)
    new = select(finite, State(state.step, variables, optimizer, averaged), state)
    one = jnp.float32(1)
    sums = Sums(loss, hits, one * indices.size, norm, rate, one - one, one)
    skipped = jax.tree.map(jnp.zeros_like, sums)._replace(nonfinite=one, steps=one)
    return new._replace(step=state.step + 1), select(finite, sums, skipped)


def select(chosen: Array, a: Any, b: Any) -> Any:
    """One of two trees of arrays, by a bool `[]`."""
    return jax.tree.map(lambda x, y: jnp.where(chosen, x, y), a, b)


def _objective(
    task: Task, hyper: Hyper, progress: Array, stats: Any, data: Data, examples: augment.Batch, key: Array
) -> Callable[[Any], tuple[Array, tuple[Array, Any]]]:
    """The loss of a batch as a function of the weights, with the count of hits and the new statistics."""
    strength, mature = optim.ramp(progress, hyper.ramp_fraction), optim.ramp(progress, hyper.loss_ramp_fraction)
    rates = DropoutRates(strength * hyper.dropout, strength * hyper.head_dropout)
    targets = losses.smooth_labels(examples.targets, hyper.label_smoothing)
    weights = 1.0 + mature * (examples.targets @ data.class_weights - 1.0)

    def objective(params: Any) -> tuple[Array, tuple[Array, Any]]:
        whole = (params, examples.inputs, data.clips.pretrained)
        lowered, inputs, pretrained = optax.tree.cast(whole, task.precision)
        variables = Variables(lowered, stats)
        logits, new = task.network.apply_train(variables, inputs, examples.mask, rates, key, pretrained)
        logits = logits.astype(jnp.float32)
        each = jax.vmap(losses.LOSSES[task.loss], (0, 0, None))(logits, targets, mature * hyper.focal_gamma)
        hits = jnp.argmax(logits, -1) == jnp.argmax(examples.targets, -1)
        loss = jnp.mean(weights * each) + hyper.l2 * optim.l2_penalty(params)
        return loss, (jnp.sum(hits, dtype=jnp.float32), new)

    return objective


def evaluate(task: Task, variables: Variables, data: Data, indices: Array) -> Array:
    """Logits of whole clips, untouched by augmentation: `[B] -> [B, K]`."""
    inputs, mask = _whole(task, data, indices)
    return task.network.apply(variables, inputs, mask, data.clips.pretrained)


def _whole(task: Task, data: Data, indices: Array, copy: int = 0) -> tuple[Any, Any]:
    """What a network is shown of clips that are judged: scaled, nothing else done to them. Copy 0 is the clip."""
    features, lengths = data.clips.features[indices, copy], data.clips.lengths[indices, copy]
    mask = jnp.arange(features.shape[1])[None, :] < lengths[:, None]
    inputs: Any = normalize.apply(task.features, data.scaler, features.astype(jnp.float32), mask)
    return _joined(task, data, indices, inputs, mask) if task.modalities else (inputs, mask)


def _joined(task: Task, data: Data, indices: Array, inputs: Array, mask: Array) -> tuple[Any, Any]:
    return modality_batch.gather_modalities(
        task.modalities, data.clips.others, data.other_scalers, indices, (inputs, mask)
    )


def _choose_copy(key: Array, share: Array, copies: int) -> Array:
    """0, or with chance `share` one of the other copies: int32 `[]`."""
    if copies == 1:
        return jnp.int32(0)
    coin_key, which_key = jax.random.fold_in(key, 0), jax.random.fold_in(key, 1)
    other = jax.random.randint(which_key, (), 1, copies)
    return jnp.where(jax.random.uniform(coin_key) < share, other, 0)
