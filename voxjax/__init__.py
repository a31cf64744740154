"""VoxJAX: the emotion in a voice, its calibrated probability, and the training behind both."""

from typing import Any

__version__ = "0.1.0"
__all__ = ["EmotionPredictor", "__version__"]


def __getattr__(name: str) -> Any:
    """Loads the predictor at its first use, so that `import voxjax` stays light."""
    if name == "EmotionPredictor":
        from voxjax.edges.predict import EmotionPredictor

        return EmotionPredictor
    raise AttributeError(f"module 'voxjax' has no attribute '{name}'")
