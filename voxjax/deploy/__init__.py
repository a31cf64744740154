"""Files of a trained model for other runtimes. A new format is a file here and a row in `EXPORT_FORMATS`."""

from voxjax.deploy import onnx_file, stablehlo
from voxjax.deploy.base import ExportFormat

__all__ = ["EXPORT_FORMATS", "ExportFormat"]

EXPORT_FORMATS = {"onnx": onnx_file.FORMAT, "stablehlo": stablehlo.FORMAT}
