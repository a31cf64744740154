"""Files of arrays in a model folder, each read only if its hash is the one that the description holds.

They are safetensors, which are read without a copy; before format 7 they were NumPy archives. Neither holds code.
"""

import hashlib
import io
import json
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import safetensors.numpy
from safetensors import SafetensorError

from voxjax.artifacts.migration import array_name
from voxjax.errors import VoxJaxError, mismatch
from voxjax.storage.paths import AnyPath, reaching

SUFFIX, OLD_SUFFIX = ".safetensors", ".npz"
_TEXTS = "texts"  # the key of texts, which are not arrays of numbers, as one JSON object


def packed(arrays: Mapping[str, np.ndarray]) -> bytes:
    """Arrays as the bytes of a safetensors file; the same arrays give the same bytes.

    Raises:
        TypeError: at an array of objects.
    """
    numbers, texts = {}, {}
    for name, array in arrays.items():
        if array.dtype.kind == "U":
            texts[name] = str(array)
        elif array.dtype.kind in "biuf":
            numbers[name] = np.asarray(array, order="C")
        else:
            raise TypeError(f"{name}: expected an array of numbers, found {array.dtype}")
    return safetensors.numpy.save(numbers, {_TEXTS: json.dumps(texts, sort_keys=True)} if texts else None)


def packed_archive(arrays: Mapping[str, np.ndarray]) -> bytes:
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
    content = checked(path, sha256, "the weights")
    tree: dict[str, Any] = {}
    for name, values in _archive(content) if path.name.endswith(OLD_SUFFIX) else _tensors(path, content):
        *parents, leaf = name.split("/")
        at = tree
        for parent in parents:
            at = at.setdefault(parent, {})
        at[leaf] = _finite(path, values)
    return tree


def _tensors(path: AnyPath, content: bytes) -> Iterator[tuple[str, np.ndarray]]:
    try:
        yield from safetensors.numpy.load(content).items()
    except SafetensorError as error:
        do = "copy the model folder again"
        raise VoxJaxError(mismatch(str(path), "a safetensors file", str(error), do)) from error
    yield from ((name, np.asarray(text)) for name, text in _texts(content).items())


def _texts(content: bytes) -> dict[str, str]:
    """The texts in a file's header, which is JSON after its length."""
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    metadata = header["__metadata__"] if "__metadata__" in header else {}
    return json.loads(metadata[_TEXTS]) if _TEXTS in metadata else {}


def _archive(content: bytes) -> Iterator[tuple[str, np.ndarray]]:
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        for name in arrays.files:
            if name != "allow_pickle":  # written by NumPy 2.0, which took the option for an array
                yield array_name(name), arrays[name]


def _finite(path: AnyPath, values: np.ndarray) -> np.ndarray:
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        found = f"{int((~np.isfinite(values)).sum())} that are not"
        raise VoxJaxError(mismatch(str(path), "numbers that are finite", found, "train the model again"))
    return values
