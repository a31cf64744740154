"""Names, types and shapes of the arrays in a file, of which no array is read."""

import math
import tokenize
import zipfile
import zlib
from collections.abc import Mapping
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from voxjax.storage import strict_json

TEXTS = "texts"  # the key in the header's metadata of texts, which are not arrays of numbers, as one JSON object
TEXT = "text"  # the type of these
NUMPY_2_0 = "allow_pickle"  # an array that NumPy 2.0 made of the option of this name
_NUMBERS = {"F16": "float16", "F32": "float32", "F64": "float64", "I32": "int32", "I64": "int64", "U8": "uint8"}
_LONGEST_HEADER = 2**23  # bytes: ten times that of 10,000 arrays
_MOST_ARRAYS = 100_000
_MOST_AXES = 8
_LONGEST_NAME, _DEEPEST_NAME = 400, 16
_LONGEST_TEXT = 2**14  # letters of a text

# What the readers of ZIP archives, of compressed data and of NumPy's headers raise besides ValueError.
_DAMAGE = (
    zipfile.BadZipFile, zlib.error, tokenize.TokenError, SyntaxError, NotImplementedError, RuntimeError, EOFError,
    OSError, OverflowError, TypeError, KeyError, IndexError, MemoryError,
)  # fmt: skip


class ArrayHeader(NamedTuple):
    """The type of an array by NumPy's name, or `TEXT`, and its shape."""

    dtype: str
    shape: tuple[int, ...]

    def __str__(self) -> str:
        """As "float32 [3, 4]"."""
        return f"{self.dtype} {list(self.shape)}"


Headers = Mapping[str, ArrayHeader]


def of_safetensors(file: BinaryIO, size: int) -> tuple[dict[str, ArrayHeader], dict[str, str]]:
    """The headers of a safetensors file of this size in bytes, and its texts by name.

    Raises:
        ValueError: at another file, or one whose arrays do not fill it.
    """
    length = int.from_bytes(file.read(8), "little")
    if not 2 <= length <= min(_LONGEST_HEADER, size - 8):
        raise ValueError(f"a header of {length} bytes in a file of {size}")
    header = strict_json.parsed(file.read(length))
    if not isinstance(header, dict) or len(header) > _MOST_ARRAYS:
        raise ValueError("no header of arrays")
    texts = _texts(header.pop("__metadata__", {}))
    found, total = {}, 0
    for name, entry in header.items():
        _check_name(name)
        found[name], bytes_of_one = _safetensors_entry(name, entry)
        total += bytes_of_one
    if total != size - 8 - length:
        raise ValueError(f"arrays of {total} bytes in {size - 8 - length}")
    if texts.keys() & found.keys():
        raise ValueError("an array and a text of one name")
    return found | {name: ArrayHeader(TEXT, ()) for name in texts}, texts


def _texts(metadata: Any) -> dict[str, str]:
    if not isinstance(metadata, dict) or metadata.keys() - {TEXTS}:
        raise ValueError("metadata of another program")
    texts = strict_json.parsed(metadata[TEXTS]) if TEXTS in metadata else {}
    if not isinstance(texts, dict) or not all(isinstance(one, str) for one in texts.values()):
        raise ValueError("texts that are none")
    for name, text in texts.items():
        _check_name(name)
        if len(text) > _LONGEST_TEXT:
            raise ValueError(f"a text of {len(text)} letters")
    return texts


def _safetensors_entry(name: str, entry: Any) -> tuple[ArrayHeader, int]:
    """The header of one array, and its bytes."""
    if not isinstance(entry, dict) or entry.keys() != {"dtype", "shape", "data_offsets"}:
        raise ValueError(f"array {name}: another entry than type, shape and place")
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(dtype, str) or dtype not in _NUMBERS:
        raise ValueError(f"array {name} of type {dtype!s:.20}")
    if not _are_sizes(shape) or not _are_sizes(offsets) or len(offsets) != 2 or len(shape) > _MOST_AXES:
        raise ValueError(f"array {name}: no shape or place")
    header = ArrayHeader(_NUMBERS[dtype], tuple(shape))
    count = math.prod(shape) * np.dtype(header.dtype).itemsize
    if offsets[1] - offsets[0] != count:
        raise ValueError(f"array {name}: {offsets[1] - offsets[0]} bytes for {header}")
    return header, count


def _are_sizes(values: Any) -> bool:
    return isinstance(values, list) and all(type(one) is int and one >= 0 for one in values)


def of_archive(file: BinaryIO, most_bytes: int, compressed: bool) -> dict[str, ArrayHeader]:
    """The headers of a NumPy archive, by name without its suffix.

    Args:
        file: open at its beginning.
        most_bytes: that all arrays together may have.
        compressed: whether members may be compressed.

    Raises:
        ValueError: at another file; members that are not arrays, are encrypted, stand twice, or state another size
            than they have.
    """
    found, total = {}, 0
    try:
        with zipfile.ZipFile(file) as opened:
            members = opened.infolist()
            if len(members) > _MOST_ARRAYS:
                raise ValueError(f"{len(members)} members")
            for member in members:
                total += member.file_size
                if total > most_bytes:
                    raise ValueError(f"arrays of more than {most_bytes} bytes")
                name = _member_name(member, compressed)
                if name in found:
                    raise ValueError(f"array {name} stands twice")
                with opened.open(member) as stream:
                    found[name] = _npy_header(name, stream, member.file_size)
    except _DAMAGE as error:
        raise ValueError(f"no whole NumPy archive ({error})") from error
    if NUMPY_2_0 in found and found[NUMPY_2_0] == ArrayHeader("bool", ()):
        del found[NUMPY_2_0]
    return found


def _member_name(member: zipfile.ZipInfo, compressed: bool) -> str:
    kinds = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) if compressed else (zipfile.ZIP_STORED,)
    if not member.filename.endswith(".npy") or member.flag_bits & 1 or member.compress_type not in kinds:
        raise ValueError(f"a member {member.filename:.80} that is no plain array")
    name = member.filename.removesuffix(".npy")
    _check_name(name)
    return name


def _npy_header(name: str, stream: Any, size: int) -> ArrayHeader:
    version = np.lib.format.read_magic(stream)
    readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    if version not in readers:
        raise ValueError(f"array {name} of format {version}")
    shape, _, dtype = readers[version](stream)
    if dtype.hasobject or dtype.kind not in "biufU" or dtype.subdtype is not None or len(shape) > _MOST_AXES:
        raise ValueError(f"array {name} of type {dtype!s:.40}")
    if not all(type(one) is int and one >= 0 for one in shape):
        raise ValueError(f"array {name} of no shape")
    if math.prod(shape) * dtype.itemsize != size - stream.tell():
        raise ValueError(f"array {name}: {size - stream.tell()} bytes for {dtype} {list(shape)}")
    if dtype.kind == "U":
        if shape or dtype.itemsize > 4 * _LONGEST_TEXT:
            raise ValueError(f"array {name} of several or long texts")
        return ArrayHeader(TEXT, ())
    return ArrayHeader(dtype.name if dtype.isnative else f"{dtype.name} of another byte order", tuple(shape))


def _check_name(name: str) -> None:
    if len(name) > _LONGEST_NAME or name.count("/") >= _DEEPEST_NAME or not all(name.split("/")):
        raise ValueError(f"an array of the name {name:.80}")
