"""Files of a trained model for other runtimes. A new format is a file here and a row in `EXPORT_FORMATS`."""

from voxjax.deploy import stablehlo
from voxjax.deploy.base import ExportFormat

__all__ = ["EXPORT_FORMATS", "ExportFormat"]

EXPORT_FORMATS = {"stablehlo": stablehlo.FORMAT}
