"""A small model with random weights, for tests that need a model but no answers that make sense."""

import jax
import jax.numpy as jnp
import numpy as np

from voxjax import models
from voxjax.artifacts import model_folder
from voxjax.audio.normalize import Scaler
from voxjax.config import FrameFeatures

FEATURES = FrameFeatures(sample_rate_hz=4_000, mel_high_hz=2_000.0, max_duration_s=0.5)  # windows of 2,000 samples


def model():
    """A small network with random weights."""
    options = {"filters": [4], "dense": [4], "pooling": "mean"}
    network = models.build("cnn", options, 2)
    shape = (1, 30, FEATURES.mels)
    variables = network.init(jax.random.key(0), jnp.zeros(shape), jnp.ones(shape[:2], bool))
    scaler = Scaler(np.full((1, FEATURES.mels), -50.0, np.float32), np.full((1, FEATURES.mels), 20.0, np.float32))
    member = model_folder.TrainedMember("cnn", options, 1.0, variables._asdict(), scaler)
    feature_sets = (model_folder.TrainedFeatures(FEATURES),)
    return model_folder.TrainedModel("cnn", options, ("a", "b"), feature_sets, 1.0, [member], {})
