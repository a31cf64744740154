"""Headers of a model's files as its description demands them, and values that no training gives."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from voxjax import models
from voxjax.artifacts.abstract_shapes import FeatureShape, of_variables
from voxjax.artifacts.array_headers import ArrayHeader
from voxjax.audio.features import is_over_time
from voxjax.audio.normalize import Scaler
from voxjax.config import FeatureConfig, VectorFeatures
from voxjax.config_schema import Plain
from voxjax.encoders.static_config import TUNED
from voxjax.errors import VoxJaxError, mismatch
from voxjax.metrics import domain_distance
from voxjax.metrics.domain_distance import Density

_LEAST_DEVIATION, _MOST = 5e-7, 1e12  # of features in any unit; fits have deviations of at least 1e-6
_NOT_ORTHONORMAL = 1e-3  # largest difference of products of principal components from those of orthonormal ones

Expected = dict[str, ArrayHeader]


def weights(
    members: Sequence[Plain], features: Sequence[tuple[FeatureConfig, FeatureShape]], classes: int
) -> tuple[Expected, Expected]:
    """Headers of the arrays of all members, as `0/params/Dense_0/kernel`; then of those that older models lack.

    Args:
        members: their rows of the description.
        features: configs and shapes of the feature sets.
        classes: number of labels.

    Raises:
        VoxJaxError: as `of_variables`.
    """
    needed: Expected = {}
    optional: Expected = {}
    for i, member in enumerate(members):
        config, shape = features[member["feature_set"]]
        network = models.build(member["architecture"], member["options"], classes)
        for into, found in zip((needed, optional), of_variables(network, shape, member["modalities"]), strict=True):
            into |= {f"{i}/{name}": _kept(name, header) for name, header in found.items()}
        positions = shape.positions if isinstance(config, VectorFeatures) else 1
        needed |= _scaler(f"{i}/scaler", positions, shape.channels)
        for name, size in member["modalities"].items():
            needed |= _scaler(f"{i}/modality_scalers/{name}", 1, size)
    return needed, optional


def density(config: FeatureConfig, shape: FeatureShape, found: Mapping[str, ArrayHeader]) -> Expected:
    """Headers of a density of the first feature set's summaries, with as many components as are found."""
    numbers = 2 * shape.channels if is_over_time(config) else shape.positions * shape.channels
    given = found["components"].shape if "components" in found else ()
    components = min(max(given[0] if given else 1, 1), domain_distance.COMPONENTS)
    shapes: dict[str, tuple[int, ...]] = {
        "mean": (numbers,), "scale": (numbers,), "components": (components, numbers), "variances": (components,),
        "rest": (), "limit": (),
    }  # fmt: skip
    return {name: ArrayHeader("float32", size) for name, size in shapes.items()}


def _kept(name: str, header: ArrayHeader) -> ArrayHeader:
    """The header as it is kept: updates of encoder blocks are halved."""
    return ArrayHeader("float16", header.shape) if f"/{TUNED}" in f"/{name}" else header


def _scaler(name: str, positions: int, channels: int) -> Expected:
    return {f"{name}/{part}": ArrayHeader("float32", (positions, channels)) for part in Scaler._fields}


def check_weights(path: object, arrays: Mapping[str, Any], members: Sequence[Plain]) -> None:
    """Checks values of weights that are finite, by the path of their file, for messages.

    Raises:
        VoxJaxError: at a variance below 0, a scaler that no fit gives, or scalers that differ in one feature set.
    """
    scalers: dict[int, Mapping[str, np.ndarray]] = {}
    for i, member in enumerate(members):
        own = arrays[str(i)]
        for name, values in _leaves(own["stats"] if "stats" in own else {}):
            if name == "var" and values.size and values.min() < 0:
                raise _impossible(path, f"variances of at least 0 in member {i}", values.min())
        every = {"scaler": own["scaler"], **(own["modality_scalers"] if "modality_scalers" in own else {})}
        for name, one in every.items():
            if one["std"].min() < _LEAST_DEVIATION or max(np.abs(part).max() for part in one.values()) > _MOST:
                expected = f"deviations from {_LEAST_DEVIATION:g} to {_MOST:g} and means as large, of {name} {i}"
                raise _impossible(path, expected, f"{one['std'].min():g} and {np.abs(one['mean']).max():g}")
        first = scalers.setdefault(member["feature_set"], own["scaler"])
        if any(not np.array_equal(first[part], own["scaler"][part]) for part in Scaler._fields):
            raise _impossible(path, "one scaler for each feature set", f"another one of member {i}")


def check_density(path: object, given: Density) -> None:
    """Checks that a density is one: positive deviations, variances and limit, orthonormal components.

    Raises:
        VoxJaxError: where it is not.
    """
    for name in ("scale", "variances", "rest", "limit"):
        values = np.asarray(getattr(given, name))
        if not 0 < values.min() <= values.max() <= _MOST:
            raise _impossible(path, f"a positive {name}, at most {_MOST:g}", f"{values.min():g} to {values.max():g}")
    components = np.asarray(given.components, np.float64)
    apart = np.abs(components @ components.T - np.eye(len(components))).max()
    if not apart <= _NOT_ORTHONORMAL:
        raise _impossible(path, "orthonormal components", f"products that differ by {apart:g}")


def _leaves(tree: Mapping[str, Any]) -> Iterator[tuple[str, np.ndarray]]:
    for name, one in tree.items():
        if isinstance(one, Mapping):
            yield from _leaves(one)
        else:
            yield name, one


def _impossible(path: object, expected: str, found: object) -> VoxJaxError:
    do = "get the model again from where it was published, or train it again"
    return VoxJaxError(mismatch(str(path), expected, found, do))
