"""Smoothing of a speaker's emotions over time. A new kind is a file here and a row in `SMOOTHING`."""

from voxjax.inference.smoothing import median, viterbi, without
from voxjax.inference.smoothing.base import Smooth

__all__ = ["SMOOTHING", "Smooth"]

SMOOTHING: dict[str, Smooth] = {"viterbi": viterbi.smooth, "median": median.smooth, "none": without.smooth}
