"""Published weights as named arrays, without pickle: NumPy archives, and safetensors whole or in parts."""

import json
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from voxjax.errors import VoxJaxError, mismatch

Params = Mapping[str, Any]  # weights of a network, as nested dictionaries of arrays

WHOLE, INDEX = "model.safetensors", "model.safetensors.index.json"  # a folder of weights has one of these
_PICKLED = "pytorch_model.bin"
_AGAIN = "fetch the file again"


class Tensors:
    """Arrays by name, checked as they are taken.

    Args:
        source: the file's name, for messages.
        arrays: by name; each is read when it is taken.
        folder: of the file, with the files that belong to it.
    """

    def __init__(self, source: str, arrays: Mapping[str, np.ndarray], folder: Path = Path()) -> None:
        self.folder = folder
        self._source, self._arrays = source, arrays
        self._names = {name: name for name in arrays}  # the requested shape, and that of the file

    def __contains__(self, name: str) -> bool:
        return name in self._names

    def names(self) -> tuple[str, ...]:
        """The names of all arrays."""
        return tuple(self._names)

    def shape(self, name: str) -> tuple[int, ...]:
        """The shape of one array.

        Raises:
            VoxJaxError: where it is missing.
        """
        return self._array(name).shape

    def _array(self, name: str) -> np.ndarray:
        if name not in self._names:
            found = f"{len(self._names)} others, as {next(iter(self._names), 'none')}"
            raise VoxJaxError(mismatch(self._source, f"a tensor {name}", found, "give the weights of this encoder"))
        return self._arrays[self._names[name]]

    def take(self, name: str, shape: Sequence[int | None]) -> np.ndarray:
        """One array as float32.

        Args:
            name: of the array.
            shape: that it must have; None where any size will do.

        Raises:
            VoxJaxError: where it is missing, has another shape, or contains NaN or infinity.
        """
        array = self._array(name)
        have = array.shape
        if len(have) != len(shape) or any(want not in (None, size) for want, size in zip(shape, have, strict=True)):
            wanted = "x".join("any" if size is None else str(size) for size in shape)
            found = "x".join(map(str, have))
            do = "give the weights of this encoder"
            raise VoxJaxError(mismatch(f"{self._source}: {name}", f"a shape of {wanted}", found, do))
        values = np.asarray(array, np.float32)
        if not np.all(np.isfinite(values)):
            raise VoxJaxError(mismatch(f"{self._source}: {name}", "finite numbers", "NaN or infinity", _AGAIN))
        return values

    def renamed(self, rename: Callable[[str], str]) -> "Tensors":
        """The same arrays under other names; those renamed to "" are left out."""
        other = Tensors(self._source, self._arrays, self.folder)
        other._names = {rename(name): own for name, own in self._names.items() if rename(name)}
        return other


def read(path: Path) -> Tensors:
    """All arrays of a file, or of the safetensors in a folder.

    Raises:
        VoxJaxError: at a file that is missing, damaged, or of an unknown or unsafe format.
    """
    path = _within(path) if path.is_dir() else path
    if path.suffix not in READERS:
        found = f"'{path.suffix}'" if path.suffix else "no suffix"
        do = "give the published safetensors file (files of pickles, as .bin and .pt, can run code and are not read)"
        raise VoxJaxError(mismatch(str(path), "a file of " + " or ".join(READERS), found, do))
    try:
        return Tensors(path.name, READERS[path.suffix](path), path.parent)
    except FileNotFoundError as error:
        raise VoxJaxError(mismatch(str(path), "weights", "no such file", "check the path")) from error
    except (ValueError, OSError, EOFError, KeyError, zipfile.BadZipFile) as error:
        found = " ".join(str(error).split())[:160] or type(error).__name__
        raise VoxJaxError(mismatch(str(path), "a whole file of weights", found, _AGAIN)) from error


def files(path: Path) -> list[Path]:
    """All files of the weights: the file itself, or the parts in an index.

    Raises:
        VoxJaxError: at a damaged index, or one with files outside its folder.
    """
    path = _within(path) if path.is_dir() else path
    return _parts(path) if path.suffix == ".json" else [path]


def _within(folder: Path) -> Path:
    """The weights file of a folder, or its index."""
    for name in (WHOLE, INDEX):
        if (folder / name).is_file():
            return folder / name
    do, found = "fetch the weights into this folder", "neither"
    if (folder / _PICKLED).is_file():
        found = _PICKLED
        do = (
            f"a pickle can run code and is not read: fetch {WHOLE} from the model's page (often on its branch "
            "refs/convert or refs/pr), or write it where PyTorch is installed with "
            "transformers.AutoModel.from_pretrained(FOLDER).save_pretrained(FOLDER)"
        )
    raise VoxJaxError(mismatch(str(folder), f"{WHOLE} or {INDEX}", found, do))


def _parts(index: Path) -> list[Path]:
    """The files in an index; each must be in the same folder."""
    try:
        names = sorted(set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()))
        outside = [name for name in names if Path(name).name != name]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        found = f"{type(error).__name__} {error}"
        raise VoxJaxError(mismatch(str(index), "an index of tensors and files", found, _AGAIN)) from error
    if outside:
        raise VoxJaxError(mismatch(str(index), "names of files beside it", outside[0], _AGAIN))
    return [index.parent / name for name in names]


class _Safetensors(Mapping[str, np.ndarray]):
    """Tensors of open files, each read when it is accessed."""

    def __init__(self, paths: Sequence[Path]) -> None:
        from safetensors import safe_open

        self._files: dict[str, Any] = {}
        for path in paths:
            if not path.is_file():
                raise FileNotFoundError(path)
            opened = safe_open(path, framework="numpy")
            self._files |= dict.fromkeys(opened.keys(), opened)

    def __getitem__(self, name: str) -> np.ndarray:
        return np.asarray(self._files[name].get_tensor(name))

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def __len__(self) -> int:
        return len(self._files)


def _npz(path: Path) -> dict[str, np.ndarray]:
    with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}


def _safetensors(path: Path) -> Mapping[str, np.ndarray]:
    from safetensors import SafetensorError  # only now, as most weights are NumPy archives

    try:
        return _Safetensors(files(path))
    except SafetensorError as error:
        raise ValueError(error) from error


# A new format is a function and a row.
READERS: dict[str, Callable[[Path], Mapping[str, np.ndarray]]] = {
    ".npz": _npz,
    ".safetensors": _safetensors,
    ".json": _safetensors,  # the index of several files
}
