"""The function that turns samples into features: the signal features, or those of pretrained encoders.

Sizes are named as in `voxjax.encoders`.
"""

import functools
import inspect
from collections.abc import Sequence
from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float16, Int

from voxjax import encoders
from voxjax.audio import features
from voxjax.audio.features import Extract
from voxjax.config import EncoderFeatures, FeatureConfig
from voxjax.encoders.tensors import Params

# Features, of other sizes for each encoder, and valid positions.
Outputs = tuple[Float16[Array | np.ndarray, "B _ _"], Int[Array | np.ndarray, " B"]]


def extractor(config: FeatureConfig, params: Params | None) -> Extract:
    """The function from zero-padded samples to features.

    Each encoder is a program of its own, the same whether its outputs are used alone or beside those of others.

    Args:
        config: of the features.
        params: of the encoder, or of each one by its name, as `joined_params`; None for signal features.
    """
    if not config.by_encoder:
        return functools.partial(features.extract, config)
    return _beside(
        [functools.partial(encoders.extract_features, *row) for row in _rows(config, jax.device_put(params))]
    )


def untraced(config: FeatureConfig, params: Params | None) -> Extract:
    """As `extractor`, without compiled programs, so that a tracer sees each operation; `params` may be abstract."""
    if not config.by_encoder:
        return functools.partial(inspect.unwrap(features.extract), config)
    extract = inspect.unwrap(encoders.extract_features)
    return _beside([functools.partial(extract, *row) for row in _rows(config, params)])


def joined_params(config: FeatureConfig, params: Sequence[Params]) -> Params | None:
    """The weights of `config.by_encoder` as one tree: of a single encoder as they are, of several by name."""
    if isinstance(config, EncoderFeatures):
        return params[0]
    return {one.encoder: own for one, own in zip(config.by_encoder, params, strict=True)} or None


def side_by_side(outputs: Sequence[Outputs]) -> Outputs:
    """Outputs of several encoders for the same clips, as long as the shortest: `[B, T, C]` each to `[B, T, all C]`."""
    xp = np if isinstance(outputs[0][0], np.ndarray) else jnp
    positions = min(values.shape[1] for values, _ in outputs)
    lengths = functools.reduce(xp.minimum, [count for _, count in outputs])
    values = xp.concatenate([values[:, :positions] for values, _ in outputs], axis=-1)
    valid = xp.arange(positions)[None, :] < lengths[:, None]
    return xp.where(valid[..., None], values, xp.zeros((), values.dtype)), lengths


def _rows(config: FeatureConfig, params: Params | None) -> list[tuple[EncoderFeatures, Params]]:
    """The features and weights of each encoder."""
    assert params is not None  # of features with an encoder
    if isinstance(config, EncoderFeatures):
        return [(config, params)]
    return [(one, params[one.encoder]) for one in config.by_encoder]


def _beside(extracts: Sequence[Extract]) -> Extract:
    """The outputs of several functions for the same samples, side by side."""
    if len(extracts) == 1:
        return extracts[0]

    def extract(samples: Any, lengths: Any) -> tuple[Array, Array]:
        return cast(tuple[Array, Array], side_by_side([one(samples, lengths) for one in extracts]))

    return extract
