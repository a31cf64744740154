"""The function that turns samples into features: the signal features, or a pretrained encoder's."""

import functools

import jax

from voxjax import encoders
from voxjax.audio import features
from voxjax.audio.features import Extract
from voxjax.config import EncoderFeatures, FeatureConfig
from voxjax.encoders.tensors import Params


def extractor(config: FeatureConfig, params: Params | None) -> Extract:
    """The function from zero-padded samples to features. `params` are the encoder's; None for signal features."""
    if isinstance(config, EncoderFeatures):
        return functools.partial(encoders.extract_features, config, jax.device_put(params))
    return functools.partial(features.extract, config)
