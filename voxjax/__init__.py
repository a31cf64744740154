"""VoxJAX: speech emotion recognition with calibrated probabilities, and the training of its models."""

from typing import Any

from voxjax.version import __version__

__all__ = ["EmotionPredictor", "__version__"]


def __getattr__(name: str) -> Any:
    """Imports the predictor at its first use, so that `import voxjax` is fast."""
    if name == "EmotionPredictor":
        from voxjax.inference.predictor import EmotionPredictor

        return EmotionPredictor
    raise AttributeError(f"module 'voxjax' has no attribute '{name}'")
