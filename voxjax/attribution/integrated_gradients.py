"""Integrated gradients (Sundararajan, Taly and Yan 2017) of an answer over the levels of a clip's spectrum.

The path goes from the clip at its noise floor to the clip, in equal steps of decibels in every cell at once, phases
kept. The attributions of all cells sum to the difference of the two answers, as far as the steps are fine enough and
the model has no jumps (features of pitch have some).
"""

import functools
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex64, Float, Int

from voxjax.artifacts import model_folder
from voxjax.attribution.spectral_patches import PatchedClip
from voxjax.audio import features, stft
from voxjax.audio.stft import Stft
from voxjax.downloads import hub
from voxjax.inference.predictor import EmotionPredictor
from voxjax.inference.waveform_graph import Extent, WaveformGraph, waveform_graph

STEPS = 48
_BATCH = 8  # steps at once


class Gradients(NamedTuple):
    """Integrated gradients of a clip, in nats.

    Attributes:
        cells: of each cell, `[frames, bins]`.
        difference: of the label's log-odds at the clip from those at its noise floor.
    """

    cells: Float[np.ndarray, "frames bins"]
    difference: float

    @property
    def gap(self) -> float:
        """What the attributions miss of the difference."""
        return self.difference - float(self.cells.sum())


class GradientProgram:
    """The program of a model's gradients; compiled once for each length that clips are padded to.

    Args:
        predictor: the model.

    Raises:
        UsageError: at a model that also takes other modalities than sound.
    """

    def __init__(self, predictor: EmotionPredictor) -> None:
        trained = model_folder.load(hub.model_path(predictor.model))
        self._graph = waveform_graph(predictor.model, trained)
        self._weights = jax.device_put(self._graph.weights)
        self._run = jax.jit(
            functools.partial(_values_and_gradients, self._graph, trained.temperature), static_argnums=0
        )

    def integrated(
        self, clip: PatchedClip, samples: Float[np.ndarray, " time"], label: int, steps: int = STEPS
    ) -> Gradients:
        """Integrated gradients of a label's log-odds, before the temperature.

        Args:
            clip: the clip.
            samples: its sound. What is trimmed from it is trimmed along the path too.
            label: index of the label.
            steps: of the midpoint rule; a multiple of 8.
        """
        extents = [_extent(features.trimmed(config, samples)) for config in self._graph.features]
        run: Callable = functools.partial(
            self._run, clip.sizes, self._weights, clip.spectrum, clip.log_gains, extents, np.int32(label)
        )
        fractions = ((np.arange(steps) + 0.5) / steps).astype(np.float32)
        gradients = np.zeros(clip.log_gains.shape)
        for batch in fractions.reshape(-1, _BATCH):
            gradients += np.asarray(run(batch)[1], np.float64) / steps
        ends = np.asarray(run(np.linspace(0, 1, _BATCH, dtype=np.float32))[0], np.float64)
        return Gradients(-clip.log_gains * gradients, float(ends[0] - ends[-1]))


def _extent(part: slice) -> Extent:
    return np.array(part.start, np.int32), np.array(part.stop - part.start, np.int32)


def _values_and_gradients(
    graph: WaveformGraph,
    temperature: float,
    sizes: Stft,
    weights: dict,
    spectrum: Complex64[Array, "frames bins"],
    log_gains: Float[Array, "frames bins"],
    extents: list[Extent],
    label: Int[Array, ""],
    fractions: Float[Array, " n"],
) -> tuple[Float[Array, " n"], Float[Array, "frames bins"]]:
    """Values of a label where gains are applied by these fractions, and the sum of the gradients of the log-gains."""
    time = (spectrum.shape[0] + 1) * sizes.hop_samples - sizes.window_samples

    def value(gains: Float[Array, "frames bins"]) -> Float[Array, ""]:
        sound = stft.samples(sizes, stft.scaled(spectrum, jnp.exp(gains)), time)
        calibrated = graph.log_probabilities(weights, sound, extents)
        vote = jax.nn.log_softmax(temperature * calibrated)  # before the temperature
        rest = jnp.where(jnp.arange(vote.shape[0]) == label, -jnp.inf, vote)
        return vote[label] - jax.nn.logsumexp(rest)

    values, gradients = jax.vmap(jax.value_and_grad(value))(fractions[:, None, None] * log_gains[None])
    return values, jnp.sum(gradients, axis=0)
