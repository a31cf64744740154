"""From sound files to emotions, with a model folder and nothing else."""

import itertools
import math
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from voxjax import modalities, models
from voxjax.artifacts import model_folder
from voxjax.audio import features, io
from voxjax.config import in_range
from voxjax.errors import VoxJaxError, mismatch
from voxjax.inference import batched_forward
from voxjax.modalities.names import AUDIO

Source = Any  # a path, a binary file object, or (samples, sample rate); None where there is no sound
Others = Mapping[str, Any]  # modalities beside it, by name: words, a path, or an array
Result = dict[str, Any]

DEFAULT_MODEL = "checkpoints/whisper_statistics"
_AT_ONCE = 64  # sources that are in memory together


class _Clip(NamedTuple):
    """A source as read, or why it could not be."""

    duration_s: float
    windows: tuple[list[np.ndarray], ...]  # one list a view; a window of no samples where there is no sound
    others: Mapping[str, np.ndarray]  # float32 [T, D] each
    error: VoxJaxError | None


def stop(source: Source, error: VoxJaxError) -> Result:
    """What `predict_many` does about a source that can't be read, unless told otherwise: it stops."""
    raise error


class EmotionPredictor:
    """A trained model that is ready to answer.

    Args:
        model: the model folder; None is `DEFAULT_MODEL`, which comes with VoxJAX.
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
        self._views = tuple(batched_forward.ready(self.model, trained, i) for i in used)
        self.parameters = sum(
            models.parameter_count(member.variables) for view in self._views for member in view.members
        )
        self.modalities = {name: size for m in trained.members for name, size in m.modalities.items()}
        self._columns = {name: names for m in trained.members for name, names in m.columns.items()}
        self._shares = np.array([m.weight for i in used for m in trained.members if m.view == i])
        self._fused = [set(member.fused) for view in self._views for member in view.members]

    def predict(self, source: Source, others: Others | None = None) -> Result:
        """The emotion of one recording.

        Args:
            source: path of a sound file, binary file object, or `(samples, sample_rate_hz)` with
                samples `[time]` or `[time, channels]` in [-1, 1]; None where another modality speaks alone.
            others: of a model that fuses modalities, any of those in `modalities`: `{"text": "I won!"}`, a path, or
                numbers `[T, D]`.

        Returns:
            `emotion`; `confidence`, its calibrated probability in [0, 1]; `probabilities` by label,
            summing to 1; `duration_s`, 0 without sound; `model`, the folder. With `reject_below` also `rejected`, and
            where that is true `emotion` is None. Of a model that fuses, also `modalities`, what it was shown.

        Raises:
            AudioError: at sound that can't be used.
            VoxJaxError: at a modality that the model does not know or that can't be read, and at nothing at all.
        """
        return next(self.predict_many([source], others=[others or {}]))

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
        self,
        sources: Iterable[Source],
        on_error: Callable[[Source, VoxJaxError], Result] = stop,
        others: Iterable[Others] | None = None,
    ) -> Iterator[Result]:
        """The emotions of many recordings, in their order, as `predict` gives them one by one.

        Args:
            sources: as for `predict`; taken as needed, so they may be many.
            on_error: gives the answer for a source that can't be read.
            others: what each has beside its sound, one mapping a source; None where none has any.

        Yields:
            One answer a source.
        """
        remaining = zip(sources, itertools.repeat({})) if others is None else zip(sources, others, strict=True)
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            while chunk := list(itertools.islice(remaining, _AT_ONCE)):
                clips = list(pool.map(self._read, chunk))
                answers = iter(self._answers([clip for clip in clips if clip.error is None]))
                for (source, _), clip in zip(chunk, clips, strict=True):
                    yield next(answers) if clip.error is None else on_error(source, clip.error)

    def _read(self, given: tuple[Source, Others]) -> _Clip:
        source, others = given
        try:
            self._refuse(source, others)
            samples = np.zeros(0, np.float32) if source is None else io.read(source, self.sample_rate_hz)
            duration_s = len(samples) / self.sample_rate_hz
            pieces = {name: self._piece(name, value, duration_s or math.inf) for name, value in others.items()}
        except VoxJaxError as error:
            return _Clip(0.0, (), {}, error)
        if source is None:
            return _Clip(0.0, tuple([samples] for _ in self._views), pieces, None)
        windows = (features.windows(view.features, features.prepare(view.features, samples)) for view in self._views)
        return _Clip(duration_s, tuple(windows), pieces, None)

    def _refuse(self, source: Source, others: Others) -> None:
        """Refuses modalities that no member knows, and nothing at all."""
        known = ", ".join(self.modalities) or "sound alone"
        if unknown := [name for name in others if name not in self.modalities]:
            do = "leave it out, or use a model that was trained with it"
            raise VoxJaxError(mismatch(f"{self.model}, modalities", known, ", ".join(unknown), do))
        if source is None and not others:
            expected = "sound" + (f", or any of {known}" if self.modalities else "")
            raise VoxJaxError(mismatch(self.model, expected, "nothing", "give at least one"))

    def _piece(self, name: str, value: Any, duration_s: float) -> np.ndarray:
        """One modality of a clip: float32 `[T, D]`."""
        piece = modalities.read(name, value, duration_s)
        names = self._columns[name] if name in self._columns else ()
        modalities.check_same_columns(f"{name}, for {self.model}", piece, self.modalities[name], names)
        return piece.values

    def _answers(self, clips: Sequence[_Clip]) -> list[Result]:
        means = [self._means(view, i, clips) for i, view in enumerate(self._views)]
        logits = np.concatenate(means, axis=1)  # [clips, members, K]
        return [self._answer(own, clip) for own, clip in zip(logits, clips, strict=True)]

    def _means(self, view: batched_forward.View, i: int, clips: Sequence[_Clip]) -> np.ndarray:
        """The mean logits over each clip's windows in view `i`: `[clips, members of the view, K]`."""
        logits = batched_forward.logits(
            view, [batched_forward.Window(samples, clip.others) for clip in clips for samples in clip.windows[i]]
        )
        counts = [len(clip.windows[i]) for clip in clips]
        means = [logits[end - n : end].mean(axis=0) for n, end in zip(counts, np.cumsum(counts), strict=True)]
        return np.stack(means) if means else np.zeros((0, len(view.members), len(self.labels)), np.float32)

    def _answer(self, logits: np.ndarray, clip: _Clip) -> Result:
        """Members that perceive anything of a clip vote; the vote is calibrated: `[members, K]` to an answer."""
        shown = [AUDIO] * bool(clip.duration_s) + list(clip.others)
        voters = [i for i, fused in enumerate(self._fused) if {AUDIO, *fused} & set(shown)]
        shares = self._shares[voters] / self._shares[voters].sum()
        vote = shares @ np.exp(_log_softmax(logits[voters].astype(np.float64)))
        probabilities = np.exp(_log_softmax(np.log(np.maximum(vote, 1e-300)) / self.temperature))
        best = int(probabilities.argmax())
        refused = bool(probabilities[best] < self.reject_below)
        return {
            "emotion": None if refused else self.labels[best],
            "confidence": float(probabilities[best]),
            "probabilities": dict(zip(self.labels, probabilities.tolist(), strict=True)),
            "duration_s": clip.duration_s,
            "model": self.model,
            **({"rejected": refused} if self.reject_below else {}),
            **({"modalities": shown} if self.modalities else {}),
        }


def default_model() -> Path:
    """The model that comes with VoxJAX: inside the installed package, else in the checkout beside it.

    Raises:
        VoxJaxError: where it is in neither.
    """
    package = Path(__file__).resolve().parents[1]
    places = [package / "default_model", package.parent / DEFAULT_MODEL]
    for place in places:
        if (place / "model.json").is_file():
            return place
    do = "install VoxJAX again, or name a model folder (--model=DIR)"
    raise VoxJaxError(mismatch("model", f"the default model in {places[0]} or {places[1]}", "neither", do))


def _log_softmax(x: np.ndarray) -> np.ndarray:
    shifted = x - x.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
