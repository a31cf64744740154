"""VoxJAX's features of a few hundred clips, as training computes them."""

from collections.abc import Callable

from voxjax.benchmarks import feature_clips
from voxjax.config import FeatureConfig, FrameFeatures, VectorFeatures
from voxjax.pipeline import examples

PACKAGES = ("jax",)


def config(kind: str) -> FeatureConfig:
    """The features whose numbers equal those of librosa's calls in `peers.librosa_features`."""
    window, hop = feature_clips.WINDOWS[kind]
    window_ms, hop_ms = (1e3 * samples / feature_clips.RATE_HZ for samples in (window, hop))
    if kind == "vector":
        return VectorFeatures(trim_db=200.0, window_ms=window_ms, hop_ms=hop_ms)
    return FrameFeatures(mels=feature_clips.MELS, trim_db=200.0, window_ms=window_ms, hop_ms=hop_ms)


def start(kind: str) -> Callable[[], None]:
    """Clips; the result computes their features, `vector` or `logmel`."""
    clips, features = feature_clips.clips(), config(kind)

    def call() -> None:
        examples.build(features, clips, lambda done: None)

    return call
