"""Drives compiled steps over epochs: never waits on the device, stops early, stops on NaN."""

import functools
import math
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np

from voxjax import metrics
from voxjax.audio.normalize import Scaler
from voxjax.config import TrainConfig
from voxjax.data import batches
from voxjax.errors import VoxJaxError, mismatch
from voxjax.models import Variables
from voxjax.train import step

Array = jax.Array

_EVALUATED_AT_ONCE = 64  # rows; the last chunk is padded, so one compilation serves any number

# The only places where compiled functions are made. The state's buffers are reused by the next one.
train_step = jax.jit(step.train_step, static_argnames="task", donate_argnames="state")
evaluate_step = jax.jit(step.evaluate, static_argnames="task")
init_state = jax.jit(step.init, static_argnames="task")
_sums = jax.jit(metrics.sums)


class Held(NamedTuple):
    """Clips kept out of training, on the host: `[rows, T, C]`, `[rows]`, the clip of each row, labels `[clips]`."""

    features: np.ndarray
    lengths: np.ndarray
    per_clip: Callable[[np.ndarray], np.ndarray]  # logits of rows to logits of clips
    labels: np.ndarray


class Progress(NamedTuple):
    """Where training stands after whole epochs; `arrays` is what a checkpoint must hold."""

    epoch: int
    state: step.State
    best: Variables
    best_uar: float
    best_epoch: int
    history: tuple[dict[str, float], ...]


class Hooks(NamedTuple):
    """What the outside is told: after each step read, and after each epoch."""

    on_step: Callable[[int, int, float], None]  # epoch, step of the epoch, loss
    on_epoch: Callable[[Progress, np.ndarray], None]  # and the validation logits [clips, K]


def begin(task: step.Task, hyper: Any, key: Array, data: step.Data) -> Progress:
    """Fresh weights, before the first epoch."""
    state = init_state(task, hyper, key, data)
    return Progress(0, state, _kept(state.averaged), -math.inf, 0, ())


def fit(
    task: step.Task,
    plan: TrainConfig,
    hyper: Any,
    key: Array,
    data: step.Data,
    valid: Held,
    progress: Progress,
    hooks: Hooks,
) -> Progress:
    """Trains until the last epoch, or until validation UAR has not risen for `patience_epochs`.

    Args:
        task: what is compiled in.
        plan: epochs, batch size and patience.
        hyper: the member's traced numbers.
        key: the member's key.
        data: training clips on the device.
        valid: clips to choose the epoch by.
        progress: from `begin`, or restored from a checkpoint.
        hooks: told of steps and epochs.

    Returns:
        The progress at the end, with the best averaged weights.

    Raises:
        VoxJaxError: at a loss that is not finite.
    """
    rows = data.labels.shape[0]
    while not finished(plan, progress):
        started = time.perf_counter()
        on_step = functools.partial(hooks.on_step, progress.epoch)
        epoch = jax.device_put(np.int32(progress.epoch))
        with jax.transfer_guard("disallow"):
            order = batches.order(key, epoch, rows, plan.batch_size)
            state, sums = _epoch(task, hyper, progress.state, data, order, key, on_step)
        seconds = time.perf_counter() - started
        logits = valid.per_clip(logits_of(task, state.averaged, data.scaler, valid.features, valid.lengths))
        progress = _judge(progress._replace(state=state), sums, logits, valid.labels, seconds)
        hooks.on_epoch(progress, logits)
    return progress


def finished(plan: TrainConfig, progress: Progress) -> bool:
    """Whether the last epoch or the end of patience is reached."""
    waited = progress.epoch - progress.best_epoch
    return progress.epoch >= plan.epochs or waited >= plan.patience_epochs


def logits_of(
    task: step.Task, variables: Variables, scaler: Scaler, features: np.ndarray, lengths: np.ndarray
) -> np.ndarray:
    """Logits of any number of rows, in chunks of one shape: `[rows, T, C], [rows] -> [rows, K]`."""
    parts = []
    for start in range(0, len(features), _EVALUATED_AT_ONCE):
        chunk, size = features[start : start + _EVALUATED_AT_ONCE], lengths[start : start + _EVALUATED_AT_ONCE]
        extra = _EVALUATED_AT_ONCE - len(chunk)
        chunk = np.pad(chunk, ((0, extra), (0, 0), (0, 0)))
        size = np.pad(size, (0, extra), constant_values=1)
        logits = evaluate_step(task, variables, scaler, *jax.device_put((chunk, size)))
        parts.append(np.asarray(logits)[: len(features) - start])
    return np.concatenate(parts)


def _epoch(
    task: step.Task,
    hyper: Any,
    state: step.State,
    data: step.Data,
    order: tuple[Array, ...],
    key: Array,
    on_step: Callable[[int, float], None],
) -> tuple[step.State, step.Sums]:
    """All steps of an epoch. Step n - 1 is read after step n was dispatched, the last at the end."""
    total: step.Sums | None = None
    pending: step.Sums | None = None
    for indices in order:
        state, sums = train_step(task, hyper, state, data, indices, key)
        if pending is not None:
            total = _add(total, pending, on_step)
        pending = sums
    assert pending is not None  # an epoch has at least one step
    return state, _add(total, pending, on_step)


def _add(total: step.Sums | None, sums: step.Sums, on_step: Callable[[int, float], None]) -> step.Sums:
    """The running sums with one more step's, read from the device."""
    read = jax.device_get(sums)
    if not np.isfinite(read.loss) or not np.isfinite(read.gradient_norm):
        do = "lower --config.hyper.learning_rate, or look for broken clips with scripts/inspect_data.py"
        raise VoxJaxError(mismatch("training", "a finite loss and gradient", f"loss {read.loss}", do))
    total = read if total is None else step.Sums(*(a + b for a, b in zip(total, read, strict=True)))
    on_step(int(total.steps), float(read.loss))
    return total


def _judge(progress: Progress, sums: step.Sums, logits: np.ndarray, labels: np.ndarray, seconds: float) -> Progress:
    """The progress with one more epoch in its history, and the averaged weights if they are the best."""
    weight = np.ones(len(labels), np.float32)
    judged = metrics.divide(jax.device_get(_sums(logits, labels, weight)))
    row = {
        "epoch": progress.epoch + 1,
        "train_loss": float(sums.loss / sums.steps),
        "train_accuracy": float(sums.correct / sums.clips),
        "valid_loss": judged["nll"],
        "valid_accuracy": judged["accuracy"],
        "valid_uar": judged["uar"],
        "learning_rate": float(sums.learning_rate / sums.steps),
        "gradient_norm": float(sums.gradient_norm / sums.steps),
        "steps_per_s": float(sums.steps / seconds),
        "seconds": seconds,
    }
    progress = progress._replace(epoch=progress.epoch + 1, history=(*progress.history, row))
    if row["valid_uar"] < progress.best_uar:
        return progress
    # Of equal epochs the later is kept: its average is over more steps.
    best = _kept(progress.state.averaged)
    return progress._replace(best=best, best_uar=row["valid_uar"], best_epoch=progress.epoch)


def _kept(variables: Variables) -> Variables:
    """A copy on the host that outlives the donated state."""
    return jax.tree.map(np.array, variables)
