"""Writes a model as one file for another runtime, and checks the file against this one.

voxjax export --model=runs/optimized/model --format=onnx --out=optimized.onnx
"""

from absl import flags

from voxjax.cli import entrypoint
from voxjax.errors import UsageError, mismatch
from voxjax.storage.paths import locate

FORMATS = ("onnx", "stablehlo")  # `voxjax.deploy.EXPORT_FORMATS`, which imports JAX

MODEL = flags.DEFINE_string("model", None, "Model folder, as RUN/model; the default model if not given.")
FORMAT = flags.DEFINE_enum("format", "onnx", FORMATS, "onnx for ONNX Runtime; stablehlo for JAX without VoxJAX.")
OUT = flags.DEFINE_string("out", None, "The file to write.")


def main() -> None:
    if not OUT.value:
        raise UsageError(mismatch("voxjax export", "--out=FILE", "nothing", "name the file to write"))
    from voxjax.deploy import checked_export  # imported here, so that --help and wrong use answer at once

    done = checked_export.export(MODEL.value, FORMAT.value, locate(OUT.value))
    print(f"{OUT.value}: {FORMAT.value}, {done.size_bytes / 1e6:.1f} MB")
    limit = f"{checked_export.TOLERANCE:.4f}"
    print(
        f"largest difference of a probability from voxjax predict: {done.difference:.7f} over {done.clips} sounds "
        f"(limit {limit})"
    )
    print(f"3 s of speech: {done.file_ms:.0f} ms, voxjax predict {done.predictor_ms:.0f} ms")


def run() -> None:
    """Runs the command on `sys.argv`."""
    entrypoint.run(main)
