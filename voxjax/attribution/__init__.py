"""Which moments and frequency bands moved an answer: occlusion and integrated gradients over patches of a spectrum."""

from voxjax.attribution.explanation import Explainer, Explanation, explain
from voxjax.attribution.spectral_patches import Division

__all__ = ["Division", "Explainer", "Explanation", "explain"]
