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

from voxjax.artifacts import array_headers
from voxjax.artifacts.array_headers import TEXTS, ArrayHeader
from voxjax.artifacts.migration import array_name
from voxjax.errors import VoxJaxError, mismatch
from voxjax.storage import bounded_file
from voxjax.storage.paths import AnyPath, reaching

SUFFIX, OLD_SUFFIX = ".safetensors", ".npz"
_LARGEST = 2**32  # bytes of a file of arrays
_LARGEST_HASHED = 2**28  # bytes of a file that is refused anyway, of which the hash is still computed
_AGAIN = "copy the model folder again"


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
    return safetensors.numpy.save(numbers, {TEXTS: json.dumps(texts, sort_keys=True)} if texts else None)


def packed_archive(arrays: Mapping[str, np.ndarray]) -> bytes:
    """Arrays as the bytes of a NumPy archive, without pickle."""
    file = io.BytesIO()
    np.savez(file, allow_pickle=False, **dict(arrays))
    return file.getvalue()


class ArrayFile:
    """A file of arrays of which the headers are read at first, and the arrays only when they are as expected.

    Args:
        path: a regular file.
        sha256: of its content.
        what: it is, as "the weights".

    Raises:
        VoxJaxError: if it is missing, no regular file, too large, damaged, or none of arrays.
    """

    def __init__(self, path: AnyPath, sha256: str, what: str) -> None:
        self.path, self._sha256, self._what = path, sha256, what
        self._size = bounded_file.size(path, what, _LARGEST, _AGAIN)
        self._old = path.name.endswith(OLD_SUFFIX)
        self.texts: dict[str, str] = {}
        try:
            with reaching(path), bounded_file.opened(path) as file:
                if self._old:
                    headers = array_headers.of_archive(file, self._size, compressed=False)
                else:
                    headers, self.texts = array_headers.of_safetensors(file, self._size)
        except (ValueError, OSError) as error:
            raise self.unfit("a file of arrays", str(error)) from error
        self.headers: dict[str, ArrayHeader] = {array_name(name): one for name, one in headers.items()}

    def text(self, name: str) -> str:
        """The text of this name; that of an archive is one of its arrays."""
        if not self._old:
            return self.texts[name]
        return str(next(values for found, values in _archive(self._content()) if found == name))

    def unfit(self, expected: str, found: str) -> VoxJaxError:
        """The error of a file that is not as expected: where its hash is another one, too, that it is damaged."""
        if self._size <= _LARGEST_HASHED:
            try:
                self._content()
            except VoxJaxError as error:
                return error
        do = "get the model again from where it was published, or train it again"
        return VoxJaxError(mismatch(str(self.path), expected, f"{found:.300}", do))

    def check(self, expected: Mapping[str, ArrayHeader], optional: Mapping[str, ArrayHeader]) -> None:
        """Checks the headers of all arrays.

        Raises:
            VoxJaxError: at an array that is missing, not needed, or of another type or shape.
        """
        known = {**expected, **optional}
        for name in sorted(expected.keys() - self.headers.keys()):
            raise self.unfit(f"the array {name} of {known[name]}", "none")
        for name, header in sorted(self.headers.items()):
            if name not in known:
                raise self.unfit("no array that the model does not use", f"{name:.120} of {header}")
            if header != known[name]:
                raise self.unfit(f"the array {name} of {known[name]}", str(header))

    def nested(self) -> dict[str, Any]:
        """The arrays as nested dictionaries, to be read after the headers are found to be as expected.

        Raises:
            VoxJaxError: if the file has another hash, or holds numbers that are not finite.
        """
        content = self._content()
        tree: dict[str, Any] = {}
        for name, values in _archive(content) if self._old else self._tensors(content):
            *parents, leaf = name.split("/")
            at = tree
            for parent in parents:
                at = at.setdefault(parent, {})
            at[leaf] = self._finite(name, values)
        return tree

    def _content(self) -> bytes:
        return checked(self.path, self._sha256, self._what, self._size)

    def _tensors(self, content: bytes) -> Iterator[tuple[str, np.ndarray]]:
        try:
            yield from safetensors.numpy.load(content).items()
        except SafetensorError as error:
            raise VoxJaxError(mismatch(str(self.path), "a safetensors file", str(error), _AGAIN)) from error
        yield from ((name, np.asarray(text)) for name, text in self.texts.items())

    def _finite(self, name: str, values: np.ndarray) -> np.ndarray:
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            found = f"{int((~np.isfinite(values)).sum())} that are not in {name}"
            raise VoxJaxError(mismatch(str(self.path), "numbers that are finite", found, "train the model again"))
        return values


def checked(path: AnyPath, sha256: str, what: str, most_bytes: int = _LARGEST) -> bytes:
    """The content of a file of this hash.

    Raises:
        VoxJaxError: if it is missing, no regular file, has more bytes, or another hash.
    """
    content = bounded_file.read(path, what, most_bytes, _AGAIN)
    if hashlib.sha256(content).hexdigest() != sha256:
        found = f"{len(content)} other bytes (cut off or damaged)"
        raise VoxJaxError(mismatch(str(path), f"{what} that model.json describes", found, _AGAIN))
    return content


def _archive(content: bytes) -> Iterator[tuple[str, np.ndarray]]:
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        for name in arrays.files:
            if name != array_headers.NUMPY_2_0:
                yield array_name(name), arrays[name]
