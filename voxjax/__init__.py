"""VoxJAX: the emotion in a voice, its calibrated probability, and the training behind both."""

from typing import Any

from voxjax.version import __version__

__all__ = ["EmotionPredictor", "__version__"]


def __getattr__(name: str) -> Any:
    """Loads the predictor at its first use, so that `import voxjax` stays light."""
    if name == "EmotionPredictor":
        from voxjax.inference.predictor import EmotionPredictor

        return EmotionPredictor
    raise AttributeError(f"module 'voxjax' has no attribute '{name}'")
