"""A model folder in memory, whose description and arrays can be changed one by one, with hashes that match."""

import copy
import dataclasses
import hashlib
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from voxjax.artifacts import array_files
from voxjax.artifacts.array_files import OLD_SUFFIX, SUFFIX
from voxjax.artifacts.array_headers import NUMPY_2_0, TEXTS
from voxjax.storage import sealed_json

DESCRIPTION = "model.json"
_IDENTITY = "identity.npz"


@dataclasses.dataclass
class ModelFiles:
    """The parts of a model folder.

    Attributes:
        description: the content of `model.json`.
        arrays: by file and name.
        content: bytes of files that replace those of their arrays.
        text: of `model.json` in place of the description.
        special: what is made of a file in the folder at last, by its name.
    """

    description: Any
    arrays: dict[str, dict[str, np.ndarray]]
    content: dict[str, bytes] = dataclasses.field(default_factory=dict)
    text: bytes | None = None
    special: dict[str, Callable[[Path], None]] = dataclasses.field(default_factory=dict)

    def copied(self) -> "ModelFiles":
        """The same parts, which can be changed without changing these."""
        arrays = {file: dict(arrays) for file, arrays in self.arrays.items()}
        return ModelFiles(copy.deepcopy(self.description), arrays)

    def as_archives(self) -> "ModelFiles":
        """The same model in format 6, whose arrays are NumPy archives."""
        new = self.copied()
        new.arrays = {file.replace(SUFFIX, OLD_SUFFIX): arrays for file, arrays in new.arrays.items()}
        new.description["format"] = 6
        del new.description["arrays"]
        return new

    def write(self, folder: Path) -> None:
        """Writes the folder, which is empty, with a description that holds the hash of each file."""
        hashes = {}
        for file in self.arrays.keys() | self.content.keys():
            content = self.content[file] if file in self.content else packed(file, self.arrays[file])
            hashes[file.partition(".")[0]] = hashlib.sha256(content).hexdigest()
            (folder / file).write_bytes(content)
        text = self.text
        if text is None:
            _set_hashes(self.description, hashes)
            sealed = isinstance(self.description, dict)
            text = (sealed_json.text if sealed else json.dumps)(self.description).encode()
        else:
            for name, sha256 in hashes.items():
                text = text.replace(f"<{name}>".encode(), sha256.encode())
        (folder / DESCRIPTION).write_bytes(text)
        for file, change in self.special.items():
            change(folder / file)


def read(folder: Path) -> ModelFiles:
    """The parts of a folder that `model_folder.save` wrote."""
    arrays = {}
    for path in sorted(folder.iterdir()):
        if path.name != DESCRIPTION:
            arrays[path.name] = unpacked(path.name, path.read_bytes())
    return ModelFiles(sealed_json.parsed((folder / DESCRIPTION).read_bytes())[0], arrays)


def packed(file: str, arrays: dict[str, np.ndarray]) -> bytes:
    """The content of a file of arrays, of types that models don't have, too."""
    if file == _IDENTITY:
        buffer = io.BytesIO()
        np.savez_compressed(buffer, allow_pickle=False, **arrays)
        return buffer.getvalue()
    if file.endswith(OLD_SUFFIX):
        return array_files.packed_archive(arrays)
    return safetensors_file({name: one for name, one in arrays.items() if one.dtype.kind != "U"}, _texts(arrays))


def unpacked(file: str, content: bytes) -> dict[str, np.ndarray]:
    """The arrays in a file, and its texts."""
    if file.endswith(OLD_SUFFIX):
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files if name != NUMPY_2_0}
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    texts = json.loads(header.pop("__metadata__", {TEXTS: "{}"})[TEXTS])
    found = {name: np.asarray(text) for name, text in texts.items()}
    for name, row in header.items():
        begin, end = (8 + length + place for place in row["data_offsets"])
        found[name] = np.frombuffer(content[begin:end], _TYPES[row["dtype"]]).reshape(row["shape"])
    return found


_TYPES = {"F16": "f2", "F32": "f4", "F64": "f8", "I32": "i4", "I64": "i8", "U8": "u1", "BOOL": "?", "C64": "c8"}
_NAMES = {np.dtype(kind).str.lstrip("<|"): name for name, kind in _TYPES.items()}


def safetensors_file(arrays: dict[str, np.ndarray], texts: dict[str, str]) -> bytes:
    """A safetensors file."""
    header: dict[str, Any] = {"__metadata__": {TEXTS: json.dumps(texts)}} if texts else {}
    place = 0
    for name, one in arrays.items():
        kind = one.dtype.str.lstrip("<|>")
        header[name] = {
            "dtype": _NAMES[kind] if kind in _NAMES else "BF16",
            "shape": list(one.shape),
            "data_offsets": [place, place + one.nbytes],
        }
        place += one.nbytes
    return with_header(json.dumps(header).encode(), b"".join(one.tobytes() for one in arrays.values()))


def with_header(header: bytes, data: bytes) -> bytes:
    """A file with this header and these data."""
    return len(header).to_bytes(8, "little") + header + data


def _texts(arrays: dict[str, np.ndarray]) -> dict[str, str]:
    return {name: str(one) for name, one in arrays.items() if one.dtype.kind == "U"}


def _set_hashes(description: Any, hashes: dict[str, str]) -> None:
    """Puts hashes where the description has such keys, as far as it still has its form."""
    if not isinstance(description, dict):
        return
    for key, name in (("sha256", "weights"), ("identity_sha256", "identity"), ("density_sha256", "density")):
        if isinstance(description[key] if key in description else None, str) and name in hashes:
            description[key] = hashes[name]
    rows = description["feature_sets"] if "feature_sets" in description else []
    for i, row in enumerate(rows if isinstance(rows, list) else []):
        name = f"encoder{i or ''}"
        if isinstance(row, dict) and "encoder_sha256" in row and name in hashes:
            row["encoder_sha256"] = hashes[name]
