"""Files of arrays in a model folder, each read only if its hash is the one that the description holds."""

import hashlib
import io
from collections.abc import Mapping
from typing import Any

import numpy as np

from voxjax.artifacts.migration import array_name
from voxjax.errors import VoxJaxError, mismatch
from voxjax.storage.paths import AnyPath, reaching


def packed(arrays: Mapping[str, np.ndarray]) -> bytes:
    """Arrays as the bytes of a NumPy archive, without pickle."""
    file = io.BytesIO()
    np.savez(file, allow_pickle=False, **dict(arrays))
    return file.getvalue()


def checked(path: AnyPath, sha256: str, what: str) -> bytes:
    """The content of a file of this hash.

    Raises:
        VoxJaxError: if it is missing, or has another hash.
    """
    do = "copy the model folder again"
    try:
        with reaching(path):
            content = path.read_bytes()
    except OSError as error:
        raise VoxJaxError(mismatch(str(path), what, str(error.strerror or error), do)) from error
    if hashlib.sha256(content).hexdigest() != sha256:
        found = f"{len(content)} other bytes (cut off or damaged)"
        raise VoxJaxError(mismatch(str(path), f"{what} that model.json describes", found, do))
    return content


def nested(path: AnyPath, sha256: str) -> dict[str, Any]:
    """The arrays of a file of weights as nested dictionaries.

    Raises:
        VoxJaxError: if it is missing, has another hash, or holds numbers that are not finite.
    """
    tree: dict[str, Any] = {}
    with np.load(io.BytesIO(checked(path, sha256, "the weights")), allow_pickle=False) as arrays:
        for name in arrays.files:
            if name == "allow_pickle":  # written by NumPy 2.0, which took the option for an array
                continue
            *parents, leaf = array_name(name).split("/")
            at = tree
            for parent in parents:
                at = at.setdefault(parent, {})
            at[leaf] = _finite(path, arrays[name])
    return tree


def _finite(path: AnyPath, values: np.ndarray) -> np.ndarray:
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        found = f"{int((~np.isfinite(values)).sum())} that are not"
        raise VoxJaxError(mismatch(str(path), "numbers that are finite", found, "train the model again"))
    return values
