"""ONNX: the program as an ONNX graph, with its metadata inside. It runs wherever ONNX Runtime does."""

import json

import jax
import jax.numpy as jnp
import numpy as np
from jax import export
from jaxtyping import Float

from voxjax.deploy.base import INPUT, OUTPUT, ExportFormat, Metadata, Run, probabilities, shortest
from voxjax.errors import VoxJaxError, mismatch
from voxjax.inference.waveform_graph import WaveformGraph


def write(graph: WaveformGraph, metadata: Metadata) -> bytes:
    """The bytes of the file. Values of its metadata are text; those that are not are JSON.

    Raises:
        VoxJaxError: where a package is missing, or the model has an operation that ONNX does not.
    """
    try:
        from voxjax.deploy import jaxpr_to_onnx  # it needs the package onnx
    except ModuleNotFoundError as error:
        raise _missing("onnx") from error
    (time,) = export.symbolic_shape("time", constraints=[f"time >= {shortest(graph)}"])
    samples = jax.ShapeDtypeStruct((time,), jnp.float32)
    program = jax.jit(lambda given: probabilities(graph, given)).trace(samples).jaxpr
    model = jaxpr_to_onnx.model(program, INPUT, OUTPUT)
    for key, value in {**metadata, "opset": jaxpr_to_onnx.OPSET}.items():
        model.metadata_props.add(key=key, value=value if isinstance(value, str) else json.dumps(value))
    return bytes(model.SerializeToString())


def run(content: bytes) -> Run:
    """The program in the file, run by ONNX Runtime on the CPU.

    Raises:
        VoxJaxError: where ONNX Runtime is missing.
    """
    try:
        import onnxruntime
    except ModuleNotFoundError as error:
        raise _missing("onnxruntime") from error
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])

    def call(samples: Float[np.ndarray, " time"]) -> Float[np.ndarray, " K"]:
        return np.asarray(session.run([OUTPUT], {INPUT: np.asarray(samples, np.float32)})[0])

    return call


def _missing(package: str) -> VoxJaxError:
    do = "pip install 'voxjax[export]'"
    return VoxJaxError(mismatch("ONNX", f"the package {package}", "it is not installed", do))


FORMAT = ExportFormat(write, run)
