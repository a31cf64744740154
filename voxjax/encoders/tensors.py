"""Published weights as named arrays, without pickle: NumPy archives and safetensors."""

import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from voxjax.errors import VoxJaxError, mismatch

_AGAIN = "fetch the file again"


class Tensors:
    """Arrays by name, checked as they are taken.

    Args:
        source: the file's name, for messages.
        arrays: by name.
    """

    def __init__(self, source: str, arrays: Mapping[str, np.ndarray]) -> None:
        self._source, self._arrays = source, arrays

    def names(self) -> tuple[str, ...]:
        """Of all arrays."""
        return tuple(self._arrays)

    def shape(self, name: str) -> tuple[int, ...]:
        """Of one array.

        Raises:
            VoxJaxError: where it is missing.
        """
        if name not in self._arrays:
            found = f"{len(self._arrays)} others, as {next(iter(self._arrays), 'none')}"
            raise VoxJaxError(mismatch(self._source, f"a tensor {name}", found, "give the weights of this encoder"))
        return self._arrays[name].shape

    def take(self, name: str, shape: Sequence[int | None]) -> np.ndarray:
        """One array as float32.

        Args:
            name: of the array.
            shape: that it must have; None where any size will do.

        Raises:
            VoxJaxError: where it is missing, of another shape, or holds what is not a finite number.
        """
        have = self.shape(name)
        if len(have) != len(shape) or any(want not in (None, size) for want, size in zip(shape, have, strict=True)):
            wanted = "x".join("any" if size is None else str(size) for size in shape)
            found = "x".join(map(str, have))
            do = "give the weights of this encoder"
            raise VoxJaxError(mismatch(f"{self._source}: {name}", f"a shape of {wanted}", found, do))
        values = np.asarray(self._arrays[name], np.float32)
        if not np.all(np.isfinite(values)):
            raise VoxJaxError(mismatch(f"{self._source}: {name}", "finite numbers", "NaN or infinity", _AGAIN))
        return values

    def renamed(self, rename: Callable[[str], str]) -> "Tensors":
        """The same arrays under other names; those renamed to "" are left out."""
        names = {name: rename(name) for name in self._arrays}
        return Tensors(self._source, {ours: self._arrays[name] for name, ours in names.items() if ours})


def read(path: Path) -> Tensors:
    """All arrays of a file.

    Raises:
        VoxJaxError: at a file that is missing, damaged, or of an unknown or unsafe format.
    """
    if path.suffix not in READERS:
        found = f"'{path.suffix}'" if path.suffix else "no suffix"
        do = "give the published safetensors file (files of pickles, as .bin and .pt, can run code and are not read)"
        raise VoxJaxError(mismatch(str(path), "a file of " + " or ".join(READERS), found, do))
    try:
        return Tensors(path.name, READERS[path.suffix](path))
    except FileNotFoundError as error:
        raise VoxJaxError(mismatch(str(path), "weights", "no such file", "check the path")) from error
    except (ValueError, OSError, EOFError, KeyError, zipfile.BadZipFile) as error:
        found = " ".join(str(error).split())[:160] or type(error).__name__
        raise VoxJaxError(mismatch(str(path), "a whole file of weights", found, _AGAIN)) from error


def _npz(path: Path) -> dict[str, np.ndarray]:
    with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}


def _safetensors(path: Path) -> dict[str, np.ndarray]:
    try:
        from safetensors import SafetensorError
        from safetensors.numpy import load_file
    except ImportError as error:
        do = "pip install 'voxjax[encoders]'"
        raise VoxJaxError(mismatch(str(path), "the package safetensors", "it is not installed", do)) from error
    if not path.is_file():
        raise FileNotFoundError(path)
    try:
        return load_file(path)
    except SafetensorError as error:
        raise ValueError(error) from error


# A new format is a function and a row.
READERS: dict[str, Callable[[Path], dict[str, np.ndarray]]] = {".npz": _npz, ".safetensors": _safetensors}
