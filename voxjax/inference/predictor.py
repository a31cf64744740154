"""The predictor: emotions of recordings from a model folder."""

import copy
import functools
import itertools
import math
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from voxjax import modalities, models
from voxjax.artifacts import model_folder
from voxjax.audio import features, io, quality_checks
from voxjax.audio.limits import AudioLimits
from voxjax.audio.sample_hash import sample_hash
from voxjax.config import in_range
from voxjax.downloads import hub
from voxjax.errors import UsageError, VoxJaxError, mismatch
from voxjax.inference import (
    answer_warnings,
    answers,
    batched_forward,
    clip_votes,
    corpus_adaptation,
    enrolment,
    modality_reading,
    reject_option,
    source_chunks,
)
from voxjax.inference.answers import AnswerSettings, ClipFacts, Result, Vote
from voxjax.inference.clip_votes import Voters
from voxjax.inference.shipped_model import default_model
from voxjax.inference.windowed_clip import WindowedClip
from voxjax.modalities.names import AUDIO

Source = io.Source | None  # None where there is no sound
ModalityInputs = Mapping[str, modalities.Value]  # of one recording, by modality

_LIMITS = AudioLimits()


_Voted = tuple[Source, WindowedClip, Vote | VoxJaxError]


def stop(source: Source, error: VoxJaxError) -> Result:
    """Raises the error; the default of `predict_many` for an unreadable source."""
    raise error


class EmotionPredictor:
    """A trained model, ready to predict. Nothing in it changes after it is made: several threads may use it at once.

    Args:
        model: the model folder, on disk, at `gs://BUCKET/FOLDER` or at `hf://OWNER/NAME[@REVISION]`; None is the model
            that comes with VoxJAX.
        reject_below: confidence in [0, 1] below which no emotion is named; 0 always names one.
        target_accuracy: in place of `reject_below`, the accuracy wanted among the accepted answers; the model's own
            confidence threshold for it was chosen on validation clips.
        limits: on each sound: duration, rate, channels and bytes.

    Raises:
        VoxJaxError: at a folder that is missing or damaged, or a model without a threshold for `target_accuracy`.
        UsageError: at a confidence outside [0, 1], or both arguments at once.
    """

    def __init__(
        self,
        model: str | os.PathLike[str] | None = None,
        reject_below: float = 0.0,
        target_accuracy: float | None = None,
        limits: AudioLimits = _LIMITS,
    ) -> None:
        in_range("reject_below", reject_below, 0.0, 1.0)
        self.limits = limits
        folder = default_model() if model is None else hub.model_path(model)
        trained = model_folder.load(folder)
        self.model = str(model) if str(model).startswith(hub.SCHEME) else str(folder)
        self.labels = trained.labels
        self.meta = trained.meta
        self.identity = trained.identity
        self.temperature = trained.temperature
        self.sample_rate_hz = trained.feature_sets[0].features.sample_rate_hz  # all feature sets have it
        self.feature_configs = tuple(one.features for one in trained.feature_sets)
        self.longest_window_s = min(one.features.max_duration_s for one in trained.feature_sets)
        used = sorted({member.feature_set for member in trained.members})
        self._feature_sets = tuple(batched_forward.load_feature_set(self.model, trained, i) for i in used)
        members = [member for i in used for member in trained.members if member.feature_set == i]
        loaded = [one for feature_set in self._feature_sets for one in feature_set.members]
        self.parameters = sum(models.parameter_count(one.variables) for one in loaded)
        self.modalities = {name: size for m in trained.members for name, size in m.modalities.items()}
        self._columns = {name: names for m in trained.members for name, names in m.columns.items()}
        self._voters = Voters(np.array([one.weight for one in members]), [{AUDIO, *one.fused} for one in loaded])
        self.enrolment: enrolment.Enrolment | None = None  # what `enrolled` or `adapted` made a predictor of
        if target_accuracy is not None and reject_below:
            do = "leave one out"
            raise UsageError(mismatch("EmotionPredictor", "reject_below or target_accuracy", "both", do))
        self.reject_below = reject_below if target_accuracy is None else self.threshold(target_accuracy)
        if target_accuracy is not None:
            answer_warnings.about_threshold(self.reject_below, target_accuracy, len(self.labels))

    def predict(
        self, source: Source, modality_inputs: ModalityInputs | None = None, embeddings: bool = False
    ) -> Result:
        """The emotion of one recording.

        Args:
            source: path of a sound file, binary file object, or `(samples, sample_rate_hz)` with
                samples `[time]` or `[time, channels]` in [-1, 1]; None where there are other modalities alone.
            modality_inputs: for a fusion model, any of those in `modalities`: `{"text": "I won!"}`, a path, or
                numbers `[T, D]`.
            embeddings: whether the answer also has the model's vector of the recording.

        Returns:
            `emotion`; `confidence`, its calibrated probability in [0, 1]; `probabilities` by label, summing to 1;
            `duration_s`, 0 without sound; `model`, the folder; `distance` of the sound from the training clips, above
            1 unlike them (5 % of clips of new speakers are), None without sound or in a model that does not know;
            `entropy` of the probabilities relative to log K, from 0 (certain) to 1 (all equal); `disagreement` of an
            ensemble's members (`soft_voting.disagreement`), from 0 to 1, None for a single member; `warnings`, a list
            of sentences. With a rejection threshold also `rejected`, and where that is true `emotion` is None. For a
            fusion model also `modalities`, the ones used. With `embeddings` also `embedding`, float32 `[D]`: the
            inputs of the members' last layers (`models.Network.embedding`), each the mean over the recording's windows.

        Raises:
            AudioError: at sound that can't be used.
            VoxJaxError: at an unknown modality or one that can't be read, and without any input.
        """
        return next(self.predict_many([source], modality_inputs=[modality_inputs or {}], embeddings=embeddings))

    def predict_many(
        self,
        sources: Iterable[Source],
        on_error: Callable[[Source, VoxJaxError], Result] = stop,
        modality_inputs: Iterable[ModalityInputs] | None = None,
        embeddings: bool = False,
    ) -> Iterator[Result]:
        """The emotions of many recordings, in their order, as `predict` returns them.

        Args:
            sources: as for `predict`; consumed as needed, so that there may be many.
            on_error: returns the result for a source that can't be read.
            modality_inputs: one mapping per source; None where no source has any.
            embeddings: as for `predict`.

        Yields:
            One result per source.
        """
        for chunk in self.predict_chunks(sources, on_error, modality_inputs, embeddings):
            yield from chunk

    def predict_chunks(
        self,
        sources: Iterable[Source],
        on_error: Callable[[Source, VoxJaxError], Result] = stop,
        modality_inputs: Iterable[ModalityInputs] | None = None,
        embeddings: bool = False,
    ) -> Iterator[list[Result]]:
        """As `predict_many`, in the lists in which recordings are computed.

        A call with the sources that follow a list gives the lists that follow it, to the bit.
        """
        for chunk in self._vote_chunks(sources, modality_inputs, embeddings):
            yield [
                on_error(source, vote) if isinstance(vote, VoxJaxError) else self._result(vote, clip)
                for source, clip, vote in chunk
            ]

    def votes(
        self,
        sources: Iterable[Source],
        modality_inputs: Iterable[ModalityInputs] | None = None,
        on_error: Callable[[Source, VoxJaxError], Any] = stop,
    ) -> Iterator[Vote]:
        """Log-probabilities before the temperature, and the distance from the training clips, of each source.

        Args:
            sources, modality_inputs: as for `predict_many`.
            on_error: returns what is yielded for a source that can't be read; raises the error by default.
        """
        for source, _, vote in itertools.chain.from_iterable(self._vote_chunks(sources, modality_inputs)):
            yield on_error(source, vote) if isinstance(vote, VoxJaxError) else vote

    def window_votes(self, windows: Sequence[Float[np.ndarray, " time"]]) -> list[Vote]:
        """The votes on stretches of sound at the model's rate, each as if it were a recording."""
        return self._vote([self._clip(samples, {}) for samples in windows], embeddings=False)

    def enrolled(self, clips: Iterable[Source], labels: Sequence[str] | None = None) -> "EmotionPredictor":
        """A predictor for one person, who is known by these clips; this one does not change.

        What the clips can't support is logged, and stands in `warnings` of each answer. Without clips answers stay.

        Args:
            clips: of the person, with mixed emotions; as for `predict`. The same sound counts once.
            labels: the emotion of each, for a discriminant.

        Raises:
            AudioError: at sound that can't be used.
            VoxJaxError: at a model that no person's mean changes or that fuses other modalities, or at labels that it
                can't use.
        """
        enrolment.check_possible(self.model, self._feature_sets, list(self.modalities))
        read = [self._read((source, {}), hashed=True) for source in clips]
        known = enrolment.distinct(read, labels, self.labels)
        made, sets = copy.copy(self), range(len(self._feature_sets))
        made.enrolment = enrolment.of_person(known, known.labels or self._emotions(known.clips))
        windows = [[clip.windows[i] for clip in known.clips] for i in sets]
        made._feature_sets = enrolment.for_person(self.model, self._feature_sets, windows, known.classes)
        return made

    def adapted(self, clips: Iterable[Source]) -> "EmotionPredictor":
        """A predictor for recordings like these clips, of many people; this one does not change.

        The clips' mean and deviation of each feature take the place of the training corpus's. What the clips can't
        support is logged, and stands in `warnings` of each answer. Without clips answers stay.

        Args:
            clips: ten or more with mixed emotions; as for `predict`. They may be those that are to be answered. The
                same sound counts once.

        Raises:
            AudioError: at sound that can't be used.
            VoxJaxError: at a model that no statistics change or that fuses other modalities.
        """
        enrolment.check_possible(self.model, self._feature_sets, list(self.modalities), "a corpus's statistics")
        pairs: Iterator[tuple[Source, ModalityInputs]] = zip(clips, itertools.repeat({}))
        read = source_chunks.read_in_chunks(pairs, functools.partial(self._read, hashed=True))
        found = corpus_adaptation.adapted(
            self._feature_sets, ([one for _, one in chunk] for chunk in read), self._emotions
        )
        made = copy.copy(self)
        made._feature_sets, made.enrolment = found
        return made

    def threshold(self, target_accuracy: float) -> float:
        """The confidence above which validation clips were answered with this accuracy.

        Raises:
            VoxJaxError: at a model without thresholds, or an accuracy that it has none for.
        """
        return reject_option.threshold(self.model, self.meta, target_accuracy)

    def _vote_chunks(
        self, sources: Iterable[Source], modality_inputs: Iterable[ModalityInputs] | None, embeddings: bool = False
    ) -> Iterator[list[_Voted]]:
        """Each source with its clip and the vote, or the error why there is none, in the lists that are computed."""
        pairs: Iterator[tuple[Source, ModalityInputs]] = (
            zip(sources, itertools.repeat({}))
            if modality_inputs is None
            else zip(sources, modality_inputs, strict=True)
        )
        read = functools.partial(self._read, hashed=self.enrolment is not None)
        for chunk in source_chunks.read_in_chunks(pairs, read):
            votes = iter(self._vote([clip for _, clip in chunk if clip.error is None], embeddings))
            answered = [(source, clip._replace(windows=())) for source, clip in chunk]
            chunk.clear()  # sound is not held while answers are used and the next sources are read
            yield [(source, clip, clip.error or answers.checked(source, next(votes))) for source, clip in answered]

    def _read(self, given: tuple[Source, ModalityInputs], hashed: bool) -> WindowedClip:
        """One source, with the hash of its samples where it is needed; any error while it is read is its own."""
        name = str(given[0]) if isinstance(given[0], (str, os.PathLike)) else "the sound"
        clip = io.attempt(name, lambda: self._read_clip(*given, hashed))
        return WindowedClip(0.0, (), {}, clip) if isinstance(clip, VoxJaxError) else clip

    def _read_clip(self, source: Source, modality_inputs: ModalityInputs, hashed: bool) -> WindowedClip:
        modality_reading.check(self.model, self.modalities, source is not None, modality_inputs)
        samples = np.zeros(0, np.float32) if source is None else io.read(source, self.sample_rate_hz, self.limits)
        longest_s = len(samples) / self.sample_rate_hz or math.inf
        values = modality_reading.read(self.model, self.modalities, self._columns, modality_inputs, longest_s)
        if source is None:
            return WindowedClip(0.0, tuple([samples] for _ in self._feature_sets), values, None)
        unusual = quality_checks.warnings(quality_checks.measure(samples, self.sample_rate_hz))
        own_hash = sample_hash(samples) if hashed else ""
        return self._clip(samples, values)._replace(warnings=unusual, sample_hash=own_hash)

    def _clip(
        self, samples: Float[np.ndarray, " time"], values: Mapping[str, Float[np.ndarray, "_ _"]]
    ) -> WindowedClip:
        """A clip from its sound, cut into windows, and its other modalities."""
        configs = [feature_set.features for feature_set in self._feature_sets]
        windows = tuple(features.windows(config, features.prepare(config, samples)) for config in configs)
        return WindowedClip(len(samples) / self.sample_rate_hz, windows, values, None, max(map(len, windows)))

    def _vote(self, clips: Sequence[WindowedClip], embeddings: bool) -> list[Vote]:
        """The vote on each clip of the members that have any input."""
        return clip_votes.votes(self._voters, self._feature_sets, clips, embeddings)

    def _emotions(self, clips: Sequence[WindowedClip]) -> list[str]:
        """The label that each clip is answered with."""
        return [self.labels[vote.log_probabilities.argmax()] for vote in self._vote(clips, embeddings=False)]

    def _result(self, vote: Vote, clip: WindowedClip) -> Result:
        """The answer to one clip."""
        about = self.enrolment.about(clip.sample_hash) if self.enrolment else ()
        settings = AnswerSettings(self.model, self.labels, self.temperature, self.reject_below, bool(self.modalities))
        warnings = [*clip.warnings, *answer_warnings.about_length(clip.parts), *about]
        return answers.answer(settings, vote, ClipFacts(clip.duration_s, clip.modalities, warnings))
