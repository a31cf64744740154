"""VoxJAX: speech emotion recognition with calibrated probabilities, and the training of its models."""

from voxjax.version import __version__

TYPE_CHECKING = False  # as type checkers read it; importing `typing` takes longer than all of a command's beginning
if TYPE_CHECKING:
    from typing import Any

__all__ = ["EmotionPredictor", "__version__"]


def __getattr__(name: str) -> "Any":
    """Imports the predictor at its first use, so that `import voxjax` is fast."""
    if name == "EmotionPredictor":
        from voxjax.inference.predictor import EmotionPredictor

        return EmotionPredictor
    raise AttributeError(f"module 'voxjax' has no attribute '{name}'")
