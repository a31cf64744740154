"""From sound files to emotions, with a model folder and nothing else."""

import functools
import itertools
import math
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from voxjax import encoders, models
from voxjax.audio import features, io, normalize
from voxjax.config import FeatureConfig, in_range
from voxjax.data.examples import Extract
from voxjax.edges import encoding, model_folder
from voxjax.errors import VoxJaxError, mismatch

Array = jax.Array
Source = Any  # a path, a binary file object, or (samples, sample rate)
Result = dict[str, Any]

DEFAULT_MODEL = "checkpoints/optimized"
_AT_ONCE = 64  # sources that are in memory together
_ROWS = (1, 16)  # rows of a compiled batch: one file answers at once, many in one go
_SHARES = (0.25, 0.5, 1.0)  # of the longest window: lengths that batches are padded to


class _Member(NamedTuple):
    network: models.Network
    variables: models.Variables
    scaler: normalize.Scaler


class _View(NamedTuple):
    """Features, what makes them, and the members that see them."""

    features: FeatureConfig
    extract: Extract
    pretrained: Any  # of an encoder, what members have tuned further
    members: tuple[_Member, ...]


class _Clip(NamedTuple):
    """A source as read, or why it could not be."""

    duration_s: float
    windows: tuple[list[np.ndarray], ...]  # one list a view
    error: VoxJaxError | None


def stop(source: Source, error: VoxJaxError) -> Result:
    """What `predict_many` does about a source that can't be read, unless told otherwise: it stops."""
    raise error


class EmotionPredictor:
    """A trained model that is ready to answer.

    Args:
        model: the model folder; None is the best one that comes with VoxJAX.
        reject_below: confidence in [0, 1] below which no emotion is named; 0 names one always. `threshold` gives
            the model's own.

    Raises:
        VoxJaxError: at a folder that is missing or damaged.
        UsageError: at a confidence outside [0, 1].
    """

    def __init__(self, model: str | os.PathLike[str] | None = None, reject_below: float = 0.0) -> None:
        in_range("reject_below", reject_below, 0.0, 1.0)
        self.reject_below = reject_below
        folder = default_model() if model is None else Path(model)
        trained = model_folder.load(folder)
        self.model = str(folder)
        self.labels = trained.labels
        self.meta = trained.meta
        self.temperature = trained.temperature
        self.sample_rate_hz = trained.views[0].features.sample_rate_hz  # all views have it
        used = sorted({member.view for member in trained.members})
        self._views = tuple(_seen(trained, i) for i in used)
        self.parameters = sum(models.size(member.variables) for view in self._views for member in view.members)
        shares = np.array([m.weight for i in used for m in trained.members if m.view == i])
        self._shares = shares / shares.sum()

    def predict(self, source: Source) -> Result:
        """The emotion of one recording.

        Args:
            source: path of a sound file, binary file object, or `(samples, sample_rate_hz)` with
                samples `[time]` or `[time, channels]` in [-1, 1].

        Returns:
            `emotion`; `confidence`, its calibrated probability in [0, 1]; `probabilities` by label,
            summing to 1; `duration_s`; `model`, the folder. With `reject_below` also `rejected`, and where
            that is true `emotion` is None.

        Raises:
            AudioError: at sound that can't be used.
        """
        return next(self.predict_many([source]))

    def threshold(self, right: float) -> float:
        """The confidence at which this share of the answers to validation clips was right.

        Raises:
            VoxJaxError: at a model without thresholds, or a share that it has none for.
        """
        known = self.meta["reject"] if "reject" in self.meta else {}
        if f"{right:g}" not in known:
            expected = "one of " + ", ".join(known) if known else "a model that was trained with thresholds"
            do = "choose one of these" if known else "name a confidence yourself (--reject_below=0.6), or train again"
            raise VoxJaxError(mismatch(f"{self.model}, share of right answers", expected, f"{right:g}", do))
        if known[f"{right:g}"] is None:
            found = "no confidence that reaches it on validation clips"
            do = "ask for less, or name a confidence yourself (--reject_below=0.6)"
            raise VoxJaxError(mismatch(self.model, f"{right:.0%} of answers right", found, do))
        return float(known[f"{right:g}"])

    def predict_many(
        self, sources: Iterable[Source], on_error: Callable[[Source, VoxJaxError], Result] = stop
    ) -> Iterator[Result]:
        """The emotions of many recordings, in their order, as `predict` gives them one by one.

        Args:
            sources: as for `predict`; taken as needed, so they may be many.
            on_error: gives the answer for a source that can't be read.

        Yields:
            One answer a source.
        """
        remaining = iter(sources)
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            while chunk := list(itertools.islice(remaining, _AT_ONCE)):
                clips = list(pool.map(self._read, chunk))
                answers = iter(self._answers([clip for clip in clips if clip.error is None]))
                for source, clip in zip(chunk, clips, strict=True):
                    yield next(answers) if clip.error is None else on_error(source, clip.error)

    def _read(self, source: Source) -> _Clip:
        try:
            samples = io.read(source, self.sample_rate_hz)
        except VoxJaxError as error:
            return _Clip(0.0, (), error)
        windows = (features.windows(view.features, features.prepare(view.features, samples)) for view in self._views)
        return _Clip(len(samples) / self.sample_rate_hz, tuple(windows), None)

    def _answers(self, clips: Sequence[_Clip]) -> list[Result]:
        means = [self._means(view, [clip.windows[i] for clip in clips]) for i, view in enumerate(self._views)]
        logits = np.concatenate(means, axis=1)  # [clips, members, K]
        return [self._answer(own, clip.duration_s) for own, clip in zip(logits, clips, strict=True)]

    def _means(self, view: _View, clips: Sequence[Sequence[np.ndarray]]) -> np.ndarray:
        """The mean logits over each clip's windows: `[clips, members of the view, K]`."""
        logits = self._logits(view, [window for windows in clips for window in windows])
        ends = np.cumsum([len(windows) for windows in clips])
        means = [logits[end - len(windows) : end].mean(axis=0) for windows, end in zip(clips, ends, strict=True)]
        return np.stack(means) if means else np.zeros((0, len(view.members), len(self.labels)), np.float32)

    def _answer(self, logits: np.ndarray, duration_s: float) -> Result:
        """Members vote with their probabilities; the vote is calibrated: `[members, K]` to an answer."""
        vote = self._shares @ np.exp(_log_softmax(logits.astype(np.float64)))
        probabilities = np.exp(_log_softmax(np.log(np.maximum(vote, 1e-300)) / self.temperature))
        best = int(probabilities.argmax())
        refused = bool(probabilities[best] < self.reject_below)
        return {
            "emotion": None if refused else self.labels[best],
            "confidence": float(probabilities[best]),
            "probabilities": dict(zip(self.labels, probabilities.tolist(), strict=True)),
            "duration_s": duration_s,
            "model": self.model,
            **({"rejected": refused} if self.reject_below else {}),
        }

    def _logits(self, view: _View, windows: Sequence[np.ndarray]) -> np.ndarray:
        """Logits of windows, batched into few shapes as each is compiled: `[windows, members, K]`."""
        sizes = np.array([_padded(view.features, len(window)) for window in windows], np.int64)
        if len(windows) <= _ROWS[-1]:
            sizes[:] = sizes.max(initial=0)  # one batch, and so one compilation, for a few files
        out = np.zeros((len(windows), len(view.members), len(self.labels)), np.float32)
        for size in np.unique(sizes):
            which = np.flatnonzero(sizes == size)
            rows = _ROWS[min(len(which), 2) - 1]
            for start in range(0, len(which), rows):
                here = which[start : start + rows]
                out[here] = self._batch(view, [windows[i] for i in here], rows, int(size))
        return out

    def _batch(self, view: _View, windows: Sequence[np.ndarray], rows: int, size: int) -> np.ndarray:
        """`[windows, members, K]`, computed at the shape `[rows, size]`."""
        samples, lengths = np.zeros((rows, size), np.float32), np.ones(rows, np.int32)
        for i, window in enumerate(windows):
            samples[i, : len(window)] = window
            lengths[i] = len(window)
        values, positions = view.extract(samples, lengths)
        try:
            scores = [_score(view.features, *member, view.pretrained, values, positions) for member in view.members]
        except Exception as error:
            if not type(error).__module__.startswith("flax"):
                raise
            do = "copy the model folder again"
            what = mismatch(self.model, "weights that fit its model.json", " ".join(str(error).split()), do)
            raise VoxJaxError(what) from error
        return np.stack(jax.device_get(scores), axis=1)[: len(windows)]


def default_model() -> Path:
    """The model that comes with VoxJAX, in `./checkpoints` or beside the source tree.

    Raises:
        VoxJaxError: where it is in neither.
    """
    places = [Path(DEFAULT_MODEL), Path(__file__).resolve().parents[2] / DEFAULT_MODEL]
    for place in places:
        if place.is_dir():
            return place
    do = "run from the repository root, or name a model folder (--model=DIR)"
    raise VoxJaxError(mismatch("model", f"{DEFAULT_MODEL} here or beside the source tree", "neither", do))


@functools.partial(jax.jit, static_argnums=(0, 1))
def _score(
    config: FeatureConfig,
    network: models.Network,
    variables: models.Variables,
    scaler: normalize.Scaler,
    pretrained: Any,
    values: Array,
    positions: Array,
) -> Array:
    """Logits of a batch of features: `[B, T, C], [B] -> [B, K]`."""
    mask = jnp.arange(values.shape[1])[None, :] < positions[:, None]
    inputs = normalize.apply(config, scaler, values.astype(jnp.float32), mask)
    return network.apply(variables, inputs, mask, pretrained)


def _seen(trained: model_folder.Trained, i: int) -> _View:
    """A view with the members that have it."""
    view, classes = trained.views[i], len(trained.labels)
    members = tuple(_ready(member, classes) for member in trained.members if member.view == i)
    pretrained = encoders.pretrained(view.features, view.encoder) if view.encoder else {}
    extract = encoding.extractor(view.features, view.encoder)
    return _View(view.features, extract, jax.device_put(pretrained), members)


def _ready(member: model_folder.Member, classes: int) -> _Member:
    """The member with its arrays on the device."""
    network = models.build(member.architecture, member.options, classes)
    variables = models.Variables(member.variables["params"], member.variables["stats"])
    return _Member(network, *jax.device_put((variables, member.scaler)))


def _padded(config: FeatureConfig, samples: int) -> int:
    """The shortest of the compiled lengths that holds so many samples."""
    return next(size for share in _SHARES if (size := math.ceil(share * config.max_samples)) >= samples)


def _log_softmax(x: np.ndarray) -> np.ndarray:
    shifted = x - x.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
