"""An explanation: the answer to a clip, and how much each patch of its spectrum raised or lowered a label."""

import dataclasses
import functools
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Float32

from voxjax.attribution import occlusion, spectral_patches
from voxjax.attribution.integrated_gradients import GradientProgram
from voxjax.attribution.spectral_patches import Division, Grid, PatchedClip
from voxjax.audio import features, io
from voxjax.audio.limits import AudioError
from voxjax.config import in_range, one_of
from voxjax.errors import UsageError, mismatch
from voxjax.inference.answers import Result
from voxjax.inference.predictor import EmotionPredictor

METHODS = {"occlusion": ("occlusion",), "gradients": ("gradients",), "both": ("occlusion", "gradients")}
LONGEST_S = 30.0
_WHOLE = Division()
_PADDED_WINDOWS = 0.25  # clips are padded to a multiple of this part of the model's window, to compile few programs


class Patch(NamedTuple):
    """A patch and its effect: above 0 it raised the label's log-odds, in nats."""

    start_s: float
    end_s: float
    low_hz: float
    high_hz: float
    effect: float


class Attribution(NamedTuple):
    """What a method found.

    Attributes:
        method: `occlusion` or `gradients`.
        effects: nats by patch, `[T, B]`: how much it raised the label's log-odds before the temperature.
            Log-odds are the logarithm of p / (1 - p): 1 nat multiplies the odds by 2.7.
        gap: for gradients, what the sum of effects misses of the difference between the clip and its noise floor;
            NaN for occlusion, whose effects need not sum to anything.
    """

    method: str
    effects: Float[np.ndarray, "T B"]
    gap: float


@dataclasses.dataclass(frozen=True)
class Explanation:
    """Why a model gave a clip its answer.

    Attributes:
        answer: what `EmotionPredictor.predict` returns for the clip.
        label: which emotion is explained.
        probability: its calibrated probability.
        start_s: where the clip begins in its recording.
        grid: its patches, from the beginning of the clip.
        levels_db: level of each cell relative to the loudest, `[frames, bins]`.
        frames_s: centres of the frames, from the beginning of the clip.
        rate_hz: the model's rate.
        attributions: one for each method.
    """

    answer: Result
    label: str
    probability: float
    start_s: float
    grid: Grid
    levels_db: Float[np.ndarray, "frames bins"]
    frames_s: Float[np.ndarray, " frames"]
    rate_hz: int
    attributions: tuple[Attribution, ...]

    def patches(self, attribution: Attribution) -> list[Patch]:
        """All patches in their recording's time, by start and frequency."""
        starts, lows = self.grid.edges_s + self.start_s, self.grid.edges_hz
        times, bands = self.grid.shape
        return [
            Patch(*map(float, (starts[t], starts[t + 1], lows[b], lows[b + 1], attribution.effects[t, b])))
            for t in range(times)
            for b in range(bands)
        ]


class Explainer:
    """Explains the answers of a model.

    Args:
        predictor: the model.
        method: a key of `METHODS`. Occlusion is measured with the predictor itself, and so works for every model; it
            takes an answer for each patch. Gradients take models of sound alone.
        division: of clips into patches.

    Raises:
        UsageError: at an unknown method, patches shorter than 0.05 s or more than 64 bands, and at gradients of a model
            that also takes other modalities than sound.
    """

    def __init__(self, predictor: EmotionPredictor, method: str = "occlusion", division: Division = _WHOLE) -> None:
        one_of("method", method, METHODS)
        in_range("patch", division.patch_s, 0.05, LONGEST_S)
        in_range("bands", division.bands, 1, 64)
        self.predictor, self.division, self._methods = predictor, division, METHODS[method]
        if "gradients" in self._methods and predictor.modalities:
            found = f"one that also takes {', '.join(sorted(predictor.modalities))}"
            do = "take --method=occlusion, which explains its answer to the sound alone"
            raise UsageError(mismatch(predictor.model, "a model of sound alone for gradients", found, do))

    @functools.cached_property
    def _program(self) -> GradientProgram:
        return GradientProgram(self.predictor)

    def explain(
        self, source: io.Source, label: str | None = None, start_s: float = 0.0, end_s: float = math.inf
    ) -> Explanation:
        """Explains the answer to one clip.

        Args:
            source: as `EmotionPredictor.predict` takes it.
            label: the emotion that is explained; the most probable one by default.
            start_s, end_s: the part of the recording that is answered and explained.

        Raises:
            AudioError: at sound that can't be used, more than 30 s of it, and a part that is not in the recording.
            UsageError: at an unknown label.
        """
        predictor = self.predictor
        if label is not None:
            one_of("label", label, predictor.labels)
        samples = self._part(source, start_s, end_s)
        answer = predictor.predict((samples, predictor.sample_rate_hz))
        probabilities = answer["probabilities"]
        label = max(probabilities, key=probabilities.__getitem__) if label is None else label
        step = max(1, round(_PADDED_WINDOWS * predictor.longest_window_s * predictor.sample_rate_hz))
        padded = -(-len(samples) // step) * step
        clip = spectral_patches.patched(samples, predictor.sample_rate_hz, self.division, padded)
        found = tuple(self._attribution(one, clip, samples, predictor.labels.index(label)) for one in self._methods)
        return Explanation(
            answer,
            label,
            probabilities[label],
            start_s,
            clip.grid,
            spectral_patches.levels_db(clip),
            clip.sizes.times_s(clip.sizes.frames(clip.time)),
            predictor.sample_rate_hz,
            found,
        )

    def _part(self, source: io.Source, start_s: float, end_s: float) -> Float32[np.ndarray, " time"]:
        """The samples that are explained, read as the predictor reads sound."""
        rate_hz, name = self.predictor.sample_rate_hz, io.name_of(source)
        samples = io.read(source, rate_hz, self.predictor.limits)
        duration_s = len(samples) / rate_hz
        if not 0.0 <= start_s < min(end_s, duration_s):
            do = f"choose --start and --end within its {duration_s:.1f} s"
            raise AudioError(mismatch(name, "a start before the end, both in the recording", f"{start_s:g} s", do))
        part = samples[round(start_s * rate_hz) : round(min(end_s, duration_s) * rate_hz)]
        if len(part) > LONGEST_S * rate_hz:
            do = "name the part to explain with --start and --end, in seconds, or cut the recording"
            raise AudioError(mismatch(name, f"at most {LONGEST_S:g} s", f"{len(part) / rate_hz:.1f} s", do))
        return part if len(part) == len(samples) else io.read((part, rate_hz), rate_hz)

    def _attribution(
        self, method: str, clip: PatchedClip, samples: Float32[np.ndarray, " time"], label: int
    ) -> Attribution:
        if method == "occlusion":
            configs = self.predictor.feature_configs
            parts = [features.trimmed(config, samples) for config in configs]
            used = slice(min(part.start for part in parts), max(part.stop for part in parts))
            effects = occlusion.effects(self.predictor, clip, label, spectral_patches.changeable(clip, used))
            return Attribution(method, effects.reshape(clip.grid.shape), math.nan)
        found = self._program.integrated(clip, samples, label)
        return Attribution(method, spectral_patches.patch_sums(clip, found.cells), found.gap)


def explain(
    predictor: EmotionPredictor,
    source: io.Source,
    method: str = "occlusion",
    label: str | None = None,
    division: Division = _WHOLE,
) -> Explanation:
    """Explains the answer to one clip; for several, an `Explainer` compiles once.

    Args:
        predictor: the model.
        source: as `EmotionPredictor.predict` takes it, at most 30 s.
        method: `occlusion`, `gradients` or `both`.
        label: the emotion that is explained; the most probable one by default.
        division: of the clip into patches.

    Raises:
        AudioError, UsageError: as `Explainer` and its `explain`.
    """
    return Explainer(predictor, method, division).explain(source, label)


def strongest(patches: Sequence[Patch], count: int) -> list[Patch]:
    """The patches of the largest effects, in either direction, that are not 0."""
    ordered = sorted(patches, key=lambda patch: -abs(patch.effect))
    return [patch for patch in ordered[:count] if patch.effect != 0.0]
