"""StableHLO: a zip file with the program as `jax.export` serialises it, and its metadata as JSON.

The program needs JAX alone. It runs on CPU, CUDA GPUs and TPUs, and takes any length; JAX compiles it for each.
"""

import io
import json
import zipfile

import jax
import jax.numpy as jnp
import numpy as np
from jax import export
from jaxtyping import Float

from voxjax.deploy.base import ExportFormat, Metadata, Run, probabilities, shortest
from voxjax.inference.waveform_graph import WaveformGraph

PROGRAM, METADATA = "program.bin", "metadata.json"
_PLATFORMS = ("cpu", "cuda", "tpu")
_DATE = (1980, 1, 1, 0, 0, 0)  # of every member, so that equal models give equal files


def write(graph: WaveformGraph, metadata: Metadata) -> bytes:
    """The bytes of the zip file."""
    (time,) = export.symbolic_shape("time", constraints=[f"time >= {shortest(graph)}"])
    samples = jax.ShapeDtypeStruct((time,), jnp.float32)
    program = export.export(jax.jit(lambda given: probabilities(graph, given)), platforms=_PLATFORMS)(samples)
    members = {
        PROGRAM: bytes(program.serialize()),
        METADATA: json.dumps({**metadata, "platforms": _PLATFORMS, "jax": jax.__version__}, indent=1).encode(),
    }
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as zipped:
        for name, content in members.items():
            zipped.writestr(zipfile.ZipInfo(name, _DATE), content, zipfile.ZIP_DEFLATED)
    return file.getvalue()


def run(content: bytes) -> Run:
    """The program in the file, as a function."""
    with zipfile.ZipFile(io.BytesIO(content)) as zipped:
        program = jax.jit(export.deserialize(bytearray(zipped.read(PROGRAM))).call)

    def call(samples: Float[np.ndarray, " time"]) -> Float[np.ndarray, " K"]:
        return np.asarray(program(np.asarray(samples, np.float32)))

    return call


FORMAT = ExportFormat(write, run)
