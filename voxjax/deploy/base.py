"""Definitions common to all formats of exported models."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from voxjax.audio.io import MIN_DURATION_S
from voxjax.inference.waveform_graph import Samples, WaveformGraph
from voxjax.version import __version__

INPUT, OUTPUT = "samples", "probabilities"  # names in the file
Metadata = dict[str, Any]  # plain JSON
Run = Callable[[Float[np.ndarray, " time"]], Float[np.ndarray, " K"]]  # samples to probabilities


class ExportFormat(NamedTuple):
    """A way to write a model as a file for another runtime.

    Attributes:
        write: the bytes of the file.
        run: from these bytes the function that the file holds, run by its own runtime.
    """

    write: Callable[[WaveformGraph, Metadata], bytes]
    run: Callable[[bytes], Run]


def probabilities(graph: WaveformGraph, samples: Samples) -> Float[Array, " K"]:
    """What every file computes: float32 `[time] -> [K]`, the calibrated probability of each label."""
    return jnp.exp(graph.log_probabilities(graph.weights, samples))


def shortest(graph: WaveformGraph) -> int:
    """The fewest samples that a file takes."""
    return round(MIN_DURATION_S * graph.sample_rate_hz)


def metadata(graph: WaveformGraph, meta: Metadata) -> Metadata:
    """What a file says about itself.

    Args:
        graph: the model.
        meta: of the model folder; free JSON.
    """
    known: Metadata = {key: meta[key] for key in ("name", "corpus", "licence") if key in meta}
    return {
        **known,
        "labels": list(graph.labels),
        "sample_rate_hz": graph.sample_rate_hz,
        "input": f"{INPUT}: float32 [time], mono, full scale 1, at least {shortest(graph)} samples",
        "output": f"{OUTPUT}: float32 [{len(graph.labels)}], calibrated, one for each label, summing to 1",
        "voxjax": __version__,
    }
