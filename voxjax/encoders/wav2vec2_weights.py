"""Published weights of wav2vec 2.0, HuBERT and WavLM, whose tensors have the reference's names."""

import re

import jax
import numpy as np
from jax.tree_util import DictKey

from voxjax.encoders.tensors import Params, Tensors

_PREFIX = re.compile(r"^(?:hubert|wav2vec2|wavlm)\.")  # where the file also holds a head
_LEAF = re.compile("^(?:kernel|scale|embedding)$")  # Flax's names of what the files call `weight`
# Length and direction of a weight-normed kernel, by old and new names.
_NORMED = (("weight_g", "weight_v"), ("parametrizations.weight.original0", "parametrizations.weight.original1"))


def fill(tensors: Tensors, shapes: Params) -> dict[str, Params]:
    """Weights for a tree of parameters.

    Args:
        tensors: of the file.
        shapes: nested dictionaries with Flax's names, whose leaves have a `shape`. Only these tensors are read.

    Returns:
        float32 arrays in the same tree.

    Raises:
        VoxJaxError: at a tensor that is missing or does not fit.
    """
    known = tensors.renamed(lambda name: _PREFIX.sub("", name))
    return jax.tree_util.tree_map_with_path(lambda path, leaf: _leaf(known, path, leaf.shape), dict(shapes))


def _leaf(tensors: Tensors, path: tuple[DictKey, ...], shape: tuple[int, ...]) -> np.ndarray:
    """The weight at a path of the tree. In the files, kernels have their axes in the opposite order."""
    *parents, leaf = (part.key for part in path)
    module = ".".join(re.sub(r"_(\d+)$", r".\1", parent) for parent in parents)
    name = f"{module}.{_LEAF.sub('weight', leaf)}"
    if leaf == "kernel":
        return np.ascontiguousarray(_kernel(tensors, module, shape[::-1]).T)
    return tensors.take(name, shape)


def _kernel(tensors: Tensors, module: str, shape: tuple[int, ...]) -> np.ndarray:
    """A kernel with the file's order of axes, without its weight norm (Salimans and Kingma 2016)."""
    for length, direction in _NORMED:
        if f"{module}.{direction}" in tensors:
            values = tensors.take(f"{module}.{direction}", shape)
            lengths = tensors.take(f"{module}.{length}", (1, 1, shape[2]))
            return values * (lengths / np.sqrt(np.sum(np.square(values), axis=(0, 1), keepdims=True)))
    return tensors.take(f"{module}.weight", shape)
