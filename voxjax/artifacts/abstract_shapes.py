"""Shapes of a model's features and weights, found by tracing its functions on abstract arrays: nothing is computed.

Letters: T positions and C channels of the longest window's features.
"""

import functools
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import jax
import numpy as np

from voxjax import encoders, models
from voxjax.artifacts.array_headers import ArrayHeader
from voxjax.config import EncoderFeatures, FeatureConfig
from voxjax.encoders import extractor
from voxjax.encoders.static_config import Layout
from voxjax.encoders.tensors import Params
from voxjax.errors import VoxJaxError, mismatch
from voxjax.modalities.names import AUDIO

LARGEST_BYTES = 2**29  # of one array while the longest window is computed

EncoderArrays = tuple[tuple[str, ArrayHeader | Layout], ...]  # sorted by name; hashable


class FeatureShape(NamedTuple):
    """The size of the longest window's features, and the encoder's blocks that members fine-tune."""

    positions: int
    channels: int
    tuned: tuple[tuple[str, ArrayHeader | Layout], ...] = ()  # flat, under `blocks/…`


@functools.lru_cache(maxsize=64)
def of_features(config: FeatureConfig, arrays: EncoderArrays) -> FeatureShape:
    """The shape of features, where the encoder's arrays fit its functions and each other, and each is used.

    Args:
        config: of the features.
        arrays: headers of the encoder's arrays and its texts, by name; empty for features without an encoder.

    Raises:
        VoxJaxError: at an array that does not fit or is not used, and at features that would take too much memory.
    """
    window = jax.ShapeDtypeStruct((1, config.max_samples), np.float32)
    lengths = jax.ShapeDtypeStruct((1,), np.int32)
    if not config.by_encoder:
        (values, _), _ = _traced("features", extractor.untraced(config, None), window, lengths)
        return FeatureShape(*values.shape[1:])
    tree = nested(dict(arrays))
    _check_texts(config, {name for name, one in arrays if isinstance(one, Layout)})

    def extract(params: Params, *sound: Any) -> Any:
        return extractor.untraced(config, params)(*sound)

    (values, _), used = _traced("encoder", extract, tree, window, lengths)
    tuned: Params = {}
    if isinstance(config, EncoderFeatures):
        own = config
        tuned = _checked("encoder", lambda: encoders.blocks_to_finetune(own, tree))
    _check_used(tree, used, tuned)
    return FeatureShape(values.shape[1], values.shape[2], tuple(sorted(flat(tuned).items())))


def _check_texts(config: FeatureConfig, found: set[str]) -> None:
    """Checks the names of the texts among the arrays of encoders."""
    own = [dict.fromkeys(encoders.encoder_for(one).texts, Layout()) for one in config.by_encoder]
    if found != flat(extractor.joined_params(config, own) or {}).keys():
        do = "get the model again from where it was published"
        names = ", ".join(sorted(found))[:100] or "none"
        raise VoxJaxError(mismatch("texts of the encoder", "those that it uses", names, do))


def of_variables(
    network: models.Network, shape: FeatureShape, modalities: Mapping[str, int]
) -> tuple[dict[str, ArrayHeader], dict[str, ArrayHeader]]:
    """Headers of a network's weights by name, as `params/Dense_0/kernel`; then of those that older models lack.

    Args:
        network: an architecture with its options.
        shape: of the features.
        modalities: channels of those that it fuses with the audio.

    Raises:
        VoxJaxError: where the network can't be built on such inputs, or would take too much memory.
    """
    return _of_variables(network, shape, tuple(sorted(modalities.items())))


@functools.lru_cache(maxsize=256)
def _of_variables(
    network: models.Network, shape: FeatureShape, modalities: tuple[tuple[str, int], ...]
) -> tuple[dict[str, ArrayHeader], dict[str, ArrayHeader]]:
    sizes = {AUDIO: (shape.positions, shape.channels), **{name: (1, size) for name, size in modalities}}
    inputs = {name: jax.ShapeDtypeStruct((1, *size), np.float32) for name, size in sizes.items()}
    masks = {name: jax.ShapeDtypeStruct((1, size[0]), np.bool_) for name, size in sizes.items()}
    given: tuple[Any, Any] = (inputs, masks) if modalities else (inputs[AUDIO], masks[AUDIO])
    key = jax.eval_shape(lambda: jax.random.key(0))
    make: Callable[..., Any] = network.init_all if network.closed_form else network.init
    made, _ = _traced("network", make, key, *given, nested(dict(shape.tuned)))
    found = {
        f"{part}/{name}": one
        for part, tree in (("params", made.params), ("stats", made.stats))
        for name, one in flat(tree).items()
        if isinstance(one, ArrayHeader)
    }
    optional = {name: one for name, one in found.items() if name in models.OPTIONAL_WEIGHTS and network.closed_form}
    return {name: one for name, one in found.items() if name not in optional}, optional


def nested(arrays: Mapping[str, ArrayHeader | Layout]) -> dict[str, Any]:
    """Abstract float32 arrays, and texts, as nested dictionaries.

    Raises:
        VoxJaxError: where a name is both that of an array and of a group of them.
    """
    tree: dict[str, Any] = {}
    for name, one in arrays.items():
        *parents, leaf = name.split("/")
        at: Any = tree
        for parent in parents:
            at = at.setdefault(parent, {}) if isinstance(at, dict) else None
        if not isinstance(at, dict) or leaf in at:
            raise VoxJaxError(mismatch("arrays", "names that differ", name, "copy the model folder again"))
        at[leaf] = one if isinstance(one, Layout) else jax.ShapeDtypeStruct(one.shape, np.float32)
    return tree


def flat(tree: Params) -> dict[str, ArrayHeader | Layout]:
    """Headers of the leaves of nested dictionaries under their path; the reverse of `nested`."""
    leaves = jax.tree_util.tree_flatten_with_path(tree, lambda node: isinstance(node, Layout))[0]
    return {
        "/".join(str(part.key) for part in path): one if isinstance(one, Layout) else _header(one)
        for path, one in leaves
    }


def _header(one: Any) -> ArrayHeader:
    return ArrayHeader(np.dtype(one.dtype).name, tuple(one.shape))


def _traced(what: str, function: Callable[..., Any], *arguments: Any) -> tuple[Any, set[int]]:
    """The abstract result of a function, and which of its flat arguments are used.

    Raises:
        VoxJaxError: where the arguments do not fit it, or an array on the way is too large.
    """
    jaxpr, result = _checked(what, lambda: jax.make_jaxpr(function, return_shape=True)(*arguments))
    largest = max(_sizes(jaxpr.jaxpr), default=0)
    if largest > LARGEST_BYTES:
        expected = f"arrays of at most {LARGEST_BYTES} bytes for the longest window"
        do = "lower features.max_duration_s, or get the model again from where it was published"
        raise VoxJaxError(mismatch(what, expected, largest, do))
    taken = {id(variable) for equation in jaxpr.jaxpr.eqns for variable in equation.invars}
    return result, {i for i, variable in enumerate(jaxpr.jaxpr.invars) if id(variable) in taken}


def _checked(what: str, work: Callable[[], Any]) -> Any:
    """What work on abstract arrays gives; whatever it raises is an error of the model folder."""
    try:
        return work()
    except VoxJaxError:
        raise
    except Exception as error:  # Flax, JAX and NumPy raise many kinds at shapes that do not fit
        found = " ".join(f"{type(error).__name__} {error}".split())[:300]
        do = "get the model again from where it was published"
        raise VoxJaxError(mismatch(what, "options and weights that fit each other", found, do)) from error


def _check_used(tree: Params, used: set[int], tuned: Params) -> None:
    """Checks that each array of an encoder is taken by its function, or fine-tuned by members."""
    leaves = jax.tree.leaves(tree)  # in the order of the function's arguments
    names = [name for name, one in flat(tree).items() if isinstance(one, ArrayHeader)]
    apart = {id(leaf) for leaf in jax.tree.leaves(tuned)}
    for i, (name, leaf) in enumerate(zip(names, leaves, strict=True)):
        if i not in used and id(leaf) not in apart:
            do = "get the model again from where it was published"
            raise VoxJaxError(mismatch("encoder", "no array that it does not use", f"{name:.120}", do))


def _sizes(jaxpr: Any) -> Iterator[int]:
    """Bytes of each array that a program makes, those of its inner programs included."""
    for equation in jaxpr.eqns:
        for variable in equation.outvars:
            if hasattr(variable.aval, "shape"):
                yield math.prod(variable.aval.shape) * max(1, getattr(variable.aval.dtype, "itemsize", 1))
        for value in equation.params.values():
            for inner in value if isinstance(value, (list, tuple)) else (value,):
                inner = getattr(inner, "jaxpr", inner)
                if hasattr(inner, "eqns"):
                    yield from _sizes(inner)
