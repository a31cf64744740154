"""Detectors of voice activity. A new one is a file here and a row in `DETECTORS`."""

from voxjax.inference.voice_activity import all_of_it, energy, silero
from voxjax.inference.voice_activity.base import FRAME_S, SECTION_S, Detector, MakeDetector

__all__ = ["DETECTORS", "FRAME_S", "SECTION_S", "Detector", "MakeDetector"]

DETECTORS: dict[str, MakeDetector] = {"energy": energy.detector, "silero": silero.detector, "none": all_of_it.detector}
