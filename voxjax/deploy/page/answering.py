"""Answers to recordings for all visitors: limits on size, time and on how many are computed at once."""

import io
import threading
import time
from collections.abc import Callable
from typing import NamedTuple, TypeVar

import numpy as np
from jaxtyping import Float32

from voxjax.attribution.explanation import Explainer, Explanation
from voxjax.attribution.spectral_patches import Division
from voxjax.audio import io as audio_io
from voxjax.deploy.page.catalogue import Catalogue
from voxjax.deploy.page.settings import PageSettings
from voxjax.errors import VoxJaxError, mismatch
from voxjax.inference import timeline as timelines
from voxjax.inference.answers import Result
from voxjax.inference.segments import Timeline

T = TypeVar("T")

EXPLAINED_S = 10.0  # that are explained at once
_PATCH_S = 0.5


class Recording(NamedTuple):
    """What a visitor uploaded or recorded.

    Attributes:
        key: of this upload, in its session alone.
        name: of the file, as the visitor's machine has it.
        content: its bytes.
    """

    key: str
    name: str
    content: bytes


class _Sound(io.BytesIO):
    """A recording's bytes, with the name that messages give."""

    def __init__(self, recording: Recording) -> None:
        super().__init__(recording.content)
        self._name = recording.name

    def __str__(self) -> str:
        return self._name


class Answer(NamedTuple):
    """A recording's answer by one model.

    Attributes:
        name: of the recording.
        model: its name in the catalogue.
        result: as `EmotionPredictor.predict` returns it, with that name in place of the folder.
        timeline: of the recording, likewise.
    """

    name: str
    model: str
    result: Result
    timeline: Timeline


class Answering:
    """Computes the answers; one for all visitors, used by several threads at once.

    Args:
        catalogue: the models.
        settings: limits.
    """

    def __init__(self, catalogue: Catalogue, settings: PageSettings) -> None:
        self.catalogue, self.settings = catalogue, settings
        self._places = threading.BoundedSemaphore(settings.at_once)

    def answer(self, recording: Recording, model: str) -> Answer | VoxJaxError:
        """The answer to a recording, or the one line that says why there is none."""
        return self._computed(recording, lambda end_s: self._answer(recording, model, end_s))

    def explanation(
        self, recording: Recording, model: str, label: str | None = None, start_s: float = 0.0
    ) -> Explanation | VoxJaxError:
        """Why the model gave its answer, or the one line that says why there is no explanation.

        Args:
            recording: of any length within the limits.
            model: its name in the catalogue.
            label: the emotion that is explained; the most probable one by default.
            start_s: from where on; at most `EXPLAINED_S` seconds are explained, as each patch takes an answer to all
                of them.
        """

        def explained(end_s: float) -> Explanation:
            explainer = Explainer(self.catalogue.predictor(model), division=Division(_PATCH_S))
            return explainer.explain(_Sound(recording), label, start_s, start_s + EXPLAINED_S)

        return self._computed(recording, explained)

    def samples(self, recording: Recording, rate_hz: int) -> Float32[np.ndarray, " time"] | VoxJaxError:
        """The recording in mono as models get it, or the one line that says why there is none."""
        limits = self.settings.audio()
        return self._computed(recording, lambda end_s: audio_io.read(_Sound(recording), rate_hz, limits))

    def _answer(self, recording: Recording, model: str, end_s: float) -> Answer:
        def report(seconds: float) -> None:
            if time.monotonic() > end_s:
                raise self._late(recording)

        predictor = self.catalogue.predictor(model)
        result = predictor.predict(_Sound(recording))
        timeline = timelines.timeline(predictor, _Sound(recording), report=report)
        named = Timeline(
            recording.name, timeline.duration_s, model, timeline.labels, timeline.segments, timeline.warnings
        )
        return Answer(recording.name, model, {**result, "model": model}, named)

    def _computed(self, recording: Recording, work: Callable[[float], T]) -> T | VoxJaxError:
        """What the work returns, or its error, named after the recording."""
        end_s = time.monotonic() + self.settings.answer_s

        def in_turn() -> T:
            if not self._places.acquire(timeout=self.settings.answer_s):
                raise self._late(recording)
            try:
                return work(end_s)
            finally:
                self._places.release()

        return audio_io.attempt(recording.name, in_turn)

    def _late(self, recording: Recording) -> VoxJaxError:
        do = "try again when fewer people use the page, or send a shorter recording"
        return VoxJaxError(mismatch(recording.name, f"an answer within {self.settings.answer_s:g} s", "none", do))


def check_count(count: int, settings: PageSettings) -> None:
    """Checks that not too many recordings came at once.

    Raises:
        VoxJaxError: where there are more than allowed.
    """
    if count > settings.max_files:
        expected = f"at most {settings.max_files} recordings at once"
        raise VoxJaxError(mismatch("recordings", expected, count, "remove some, or use 'voxjax predict FOLDER'"))
