"""Changes of a model folder that know its structure: values, types, shapes, names, files."""

import io
import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from voxjax.artifacts.array_files import OLD_SUFFIX
from voxjax.benchmarks.soak import changed_bytes
from voxjax.benchmarks.soak.model_files import ModelFiles, packed, with_header

_VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2, 3, 7, 64, 65_536, 10**6, 10**9, 2**31, 2**63, 10**18, -(2**63), 0.0, -0.0, 0.5,
    -0.5, 1e-30, 5e-324, 1e30, 1.7e308, -1e30, "", " ", "x", "a\nb", "\x00", "\x1b[2J", "\u202e", "mean", "lda",
    "audio", "../x", "x" * 100_000, [], {}, [[]], [0], [-1], [1e9], ["x"], ["a", "a"], {"x": 1}, {"": {}},
    [None], [True],
)  # fmt: skip
_TEXTS = (
    (b'"temperature": 1.2', b'"temperature": NaN'), (b'"temperature": 1.2', b'"temperature": -Infinity'),
    (b'"temperature": 1.2', b'"temperature": 1e999'), (b'"temperature": 1.2', b'"temperature": 1' + b"0" * 5_000),
    (b'"temperature": 1.2', b'"temperature": 1.2, "temperature": 2.0'), (b'"labels"', b'"labels": ["x"], "labels"'),
    (b'"angry"', b'"\\ud800"'), (b'"angry"', b'"\xff\xfe"'), (b'"angry"', b'"calm"'), (b'"angry"', b'"a\\u0000b"'),
    (b'"small"', b"[" * 100_000 + b"]" * 100_000), (b'"small"', b"[" * 900 + b"]" * 900), (b"{", b"\xef\xbb\xbf{"),
    (b'"small"', b'{"a":' * 40 + b"1" + b"}" * 40), (b"}", b"}}"), (b'"format": 7', b'"format": 7.0'),
    (b'"format": 7', b'"format": "7"'), (b'"format": 7', b'"format": 8'), (b'"format": 7', b'"format": 0'),
)  # fmt: skip
_DTYPES = ("bool", "int8", "int32", "int64", "uint8", "float16", "float64", "complex64", "datetime64[s]", "<U3", ">f4")
_NUMBERS = (np.nan, np.inf, -np.inf, 0.0, -1.0, 1e38, -1e38, 1e-45, 1e-20, 6e4)

Draw = np.random.Generator
Change = Callable[[Draw, ModelFiles], None]


def changed(rng: Draw, files: ModelFiles) -> ModelFiles:
    """A copy of a model folder with one change, or two."""
    new = files.copied()
    for _ in range(1 + (rng.integers(5) == 0)):
        CHANGES[rng.integers(len(CHANGES))](rng, new)
    return new


def _one(rng: Draw, values: Any) -> Any:
    return values[int(rng.integers(len(values)))]


def _places(value: Any, into: list[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
    """Each container below a value with each of its keys."""
    keys = value.keys() if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        into.append((value, key))
        _places(value[key], into)
    return into


def _value(rng: Draw, files: ModelFiles) -> None:
    """A value of the description is another."""
    if places := _places(files.description, []):
        container, key = _one(rng, places)
        container[key] = _one(rng, _VALUES)


def _number(rng: Draw, files: ModelFiles) -> None:
    """A number of the description is a little or much larger or smaller."""
    places = [(at, key) for at, key in _places(files.description, []) if type(at[key]) in (int, float)]
    if places:
        container, key = _one(rng, places)
        old = container[key]
        container[key] = _one(rng, (old + 1, old - 1, old * 2, old * 1_000, -old, old / 2, float(old), old * 10**7))


def _key(rng: Draw, files: ModelFiles) -> None:
    """A part of the description is missing, twice there, or under another name."""
    if not (places := _places(files.description, [])):
        return
    container, key = _one(rng, places)
    if rng.integers(3) == 0 or isinstance(container, list):
        value = container.pop(key)
        if isinstance(container, list) and rng.integers(2):
            container += [value] * int(_one(rng, (2, 3, 300)))
    elif rng.integers(2):
        container[_one(rng, ("x", "", key.upper(), key + " ", "pickle"))] = container.pop(key)
    else:
        container[_one(rng, ("x", "views", "features", "others", "blocks"))] = container[key]


def _swap(rng: Draw, files: ModelFiles) -> None:
    """Two values of the description change places."""
    if len(places := _places(files.description, [])) > 1:
        (a, i), (b, k) = _one(rng, places), _one(rng, places)
        try:
            a[i], b[k] = b[k], a[i]
            json.dumps(files.description)
        except (ValueError, KeyError, IndexError, RecursionError):  # one is within the other
            files.description = {}


def _text(rng: Draw, files: ModelFiles) -> None:
    """The text of the description is none that Python writes."""
    text = json.dumps(_with_marks(files.description)).encode()
    old, new = _one(rng, _TEXTS)
    files.text = text.replace(old, new) if rng.integers(4) else changed_bytes.changed(rng, text, [text])


def _with_marks(description: Any) -> Any:
    """A description whose hashes are filled in as the folder is written."""
    if not isinstance(description, dict):
        return description
    marks = {"sha256": "<weights>", "identity_sha256": "<identity>", "density_sha256": "<density>"}
    new = {**description, **{key: mark for key, mark in marks.items() if key in description}}
    if isinstance(rows := new["feature_sets"] if "feature_sets" in new else None, list):
        new["feature_sets"] = [
            {**row, "encoder_sha256": f"<encoder{i or ''}>"}
            if isinstance(row, dict) and "encoder_sha256" in row
            else row
            for i, row in enumerate(rows)
        ]
    return new


def _file(rng: Draw, files: ModelFiles) -> str:
    return str(_one(rng, sorted(files.arrays)))


def _array(rng: Draw, files: ModelFiles) -> tuple[dict[str, np.ndarray], str]:
    arrays = files.arrays[_file(rng, files)]
    return arrays, str(_one(rng, sorted(arrays))) if arrays else ""


def _dtype(rng: Draw, files: ModelFiles) -> None:
    arrays, name = _array(rng, files)
    if name and arrays[name].dtype.kind != "U":
        with np.errstate(all="ignore"):
            kind = _one(rng, _DTYPES)
            whole = arrays[name].astype(np.int64) if kind.startswith("datetime") else arrays[name]
            arrays[name] = whole.astype(kind)


def _shape(rng: Draw, files: ModelFiles) -> None:
    arrays, name = _array(rng, files)
    if not name or arrays[name].dtype.kind == "U":
        return
    old = arrays[name]
    new = (
        old.T, old.reshape(-1), old[None], old[..., None], old.reshape(1, -1), old[:1] if old.ndim else old[None],
        np.concatenate([old, old]) if old.ndim else np.stack([old, old]), old[:0] if old.ndim else old[None][:0],
        np.repeat(old[..., None], 3, axis=-1), np.full_like(old, old.flat[0] if old.size else 0),
        np.zeros((0, 5), old.dtype), np.zeros((1,) * 12, old.dtype), np.zeros(3_000_000, old.dtype),
    )  # fmt: skip
    arrays[name] = np.ascontiguousarray(_one(rng, new)) if old.ndim else _one(rng, new)


def _content(rng: Draw, files: ModelFiles) -> None:
    arrays, name = _array(rng, files)
    if name and arrays[name].dtype.kind in "fiu" and arrays[name].size:
        values = np.array(arrays[name])
        flat = values.reshape(-1)
        places = slice(None) if rng.integers(2) else rng.integers(len(flat), size=3)
        with np.errstate(all="ignore"):
            number = _one(rng, _NUMBERS)
            flat[places] = number if values.dtype.kind == "f" else _one(rng, (0, 1, 255, np.iinfo(values.dtype).max))
        arrays[name] = values


def _name(rng: Draw, files: ModelFiles) -> None:
    """An array is missing, under another name, in exchange with another, or there in addition."""
    arrays, name = _array(rng, files)
    if not name:
        return
    kind = rng.integers(4)
    if kind == 0:
        del arrays[name]
    elif kind == 1:
        arrays[_one(rng, (f"{name}/x", f"{name}x", "x", "", "/", "0//x", f"9/{name}", "a/" * 50, "ä"))] = arrays.pop(
            name
        )
    elif kind == 2:
        second = str(_one(rng, sorted(arrays)))
        arrays[name], arrays[second] = arrays[second], arrays[name]
    else:
        size = int(_one(rng, (1, 100, 10_000_000)))
        arrays[_one(rng, ("x", f"{name}/x", "9/params/x", "0/params/x", "0/stats/x", "encoder/x"))] = np.zeros(
            size, "f4"
        )


def _bytes(rng: Draw, files: ModelFiles) -> None:
    """A file of arrays with other bytes, mostly in its header."""
    file = _file(rng, files)
    content = packed(file, files.arrays[file])
    files.content[file] = changed_bytes.changed(rng, content, [content])


def _header(rng: Draw, files: ModelFiles) -> None:
    """A safetensors file whose header lies."""
    file = _file(rng, files)
    content = packed(file, files.arrays[file])
    if file.endswith(OLD_SUFFIX):
        files.content[file] = lying_archive(rng, files.arrays[file])
        return
    length = int.from_bytes(content[:8], "little")
    header, data = json.loads(content[8 : 8 + length]), content[8 + length :]
    holder = ModelFiles(header, {})
    _one(rng, (_value, _number, _key, _swap))(rng, holder)
    new = json.dumps(holder.description).encode()
    if rng.integers(4) == 0:
        new = new.replace(b"[", b"[" * int(_one(rng, (2, 50, 50_000))), 1)
    files.content[file] = with_header(new, data)


def lying_archive(rng: Draw, arrays: dict[str, np.ndarray]) -> bytes:
    """A NumPy archive that is compressed, holds members twice or a very large one, or headers that lie."""
    buffer, kind = io.BytesIO(), int(rng.integers(5))
    how = zipfile.ZIP_DEFLATED if kind < 2 else zipfile.ZIP_STORED
    with zipfile.ZipFile(buffer, "w", how) as archive:
        for i, (name, one) in enumerate(arrays.items()):
            member = io.BytesIO()
            np.lib.format.write_array(member, np.zeros(50_000_000, "u1") if kind == 1 and i == 0 else one)
            content = member.getvalue()
            if kind == 2 and i == 0:
                content = content.replace(b"'shape': (", b"'shape': (9" * 3, 1)
            if kind == 3 and i == 0:
                content = content.replace(b"<f4", _one(rng, (b"|O8", b"<c8", b"<M8", b"|V4", b">f4", b"<i4")), 1)
            archive.writestr(f"{name}.npy", content)
            if kind == 4 and i == 0:
                archive.writestr(_one(rng, ("x.pkl", "../x.npy", "x", "allow_pickle.npy")), content)
    return buffer.getvalue()


def _special(rng: Draw, files: ModelFiles) -> None:
    """A file is missing, empty, a folder, a pipe, a device, a link to one, or very large."""
    file = _one(rng, [*sorted(files.arrays), "model.json"])
    files.special[file] = _one(rng, _SPECIAL)


def _replaced(make: Callable[[Path], object]) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        path.unlink(missing_ok=True)
        make(path)

    return change


def _grown(path: Path) -> None:
    os.truncate(path, 6 * 2**30)


_SPECIAL: tuple[Callable[[Path], None], ...] = (
    _replaced(lambda path: None),
    _replaced(Path.touch),
    _replaced(Path.mkdir),
    _replaced(os.mkfifo),
    _replaced(lambda path: path.symlink_to("/dev/zero")),
    _replaced(lambda path: path.symlink_to("/dev/tty")),
    _replaced(lambda path: path.symlink_to("/proc/self/mem")),
    _replaced(lambda path: path.symlink_to(path)),
    _replaced(lambda path: path.symlink_to("nowhere")),
    _grown,
)
CHANGES: tuple[Change, ...] = (
    *(_value,) * 5, *(_number,) * 3, *(_key,) * 3, _swap, _text, *(_dtype,) * 3, *(_shape,) * 3, *(_content,) * 3,
    *(_name,) * 2, *(_bytes,) * 2, *(_header,) * 3, _special,
)  # fmt: skip
