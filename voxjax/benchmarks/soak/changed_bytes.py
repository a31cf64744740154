"""Changes of a file's bytes: flips, sizes that lie, cuts, splices, moves."""

from collections.abc import Callable, Sequence

import numpy as np

_HEADER = 256  # bytes from the beginning, where most changes go
_BYTES = (0x00, 0x01, 0x7F, 0x80, 0xFE, 0xFF, 0x20)
_SIZES = (0, 1, 2, 3, 7, 2**7, 2**8 - 1, 2**15, 2**16 - 1, 2**24, 2**31 - 1, 2**31, 2**32 - 1, 2**48, 2**63, 2**64 - 1)
_LONGEST = 2**20  # bytes of a changed file
_MOST_CHANGES = 12

Change = Callable[[np.random.Generator, bytearray, Sequence[bytes]], bytearray]


def changed(rng: np.random.Generator, data: bytes, sources: Sequence[bytes]) -> bytes:
    """A file with one to three changes.

    Args:
        rng: of the changes.
        data: the file.
        sources: files that parts are taken from.
    """
    out = bytearray(data)
    for _ in range(rng.integers(1, 4)):
        change = CHANGES[rng.integers(len(CHANGES))]
        out = change(rng, out, sources)[:_LONGEST]
    return bytes(out)


def _place(rng: np.random.Generator, size: int) -> int:
    """A place in a file, two times in three in its header, else anywhere or near its end."""
    if size < 2:
        return 0
    kind = rng.integers(6)
    if kind < 4:
        return int(rng.integers(min(size, _HEADER)))
    return int(rng.integers(size)) if kind == 4 else int(rng.integers(max(0, size - _HEADER), size))


def _flip(rng: np.random.Generator, data: bytearray, sources: Sequence[bytes]) -> bytearray:
    del sources
    for _ in range(rng.integers(1, _MOST_CHANGES)):
        if data:
            data[_place(rng, len(data))] ^= 1 << int(rng.integers(8))
    return data


def _set(rng: np.random.Generator, data: bytearray, sources: Sequence[bytes]) -> bytearray:
    del sources
    for _ in range(rng.integers(1, _MOST_CHANGES)):
        if data:
            data[_place(rng, len(data))] = _BYTES[rng.integers(len(_BYTES))]
    return data


def _size(rng: np.random.Generator, data: bytearray, sources: Sequence[bytes]) -> bytearray:
    """A number of 2, 4 or 8 bytes is replaced, or changed by a little."""
    del sources
    width, order = (2, 4, 8)[rng.integers(3)], ("little", "big")[rng.integers(2)]
    place = _place(rng, len(data))
    old = int.from_bytes(data[place : place + width], "little" if order == "little" else "big")
    new = _SIZES[rng.integers(len(_SIZES))] if rng.integers(2) else old + int(rng.integers(-9, 10))
    data[place : place + width] = (new % 256**width).to_bytes(width, "little" if order == "little" else "big")
    return data


def _cut(rng: np.random.Generator, data: bytearray, sources: Sequence[bytes]) -> bytearray:
    del sources
    return data[: int(rng.integers(len(data) + 1))]


def _without(rng: np.random.Generator, data: bytearray, sources: Sequence[bytes]) -> bytearray:
    del sources
    start = _place(rng, len(data))
    return data[:start] + data[start + int(rng.integers(1, 1 + max(1, len(data) // 4))) :]


def _repeated(rng: np.random.Generator, data: bytearray, sources: Sequence[bytes]) -> bytearray:
    del sources
    start = _place(rng, len(data))
    part = data[start : start + int(rng.integers(1, 1 + max(1, len(data) // 4)))]
    return data[:start] + part * int(rng.integers(2, 5)) + data[start:]


def _joined(rng: np.random.Generator, data: bytearray, sources: Sequence[bytes]) -> bytearray:
    """The head of one file before the tail of another."""
    source = sources[int(rng.integers(len(sources)))]
    return data[: _place(rng, len(data))] + source[int(rng.integers(len(source))) :]


def _inserted(rng: np.random.Generator, data: bytearray, sources: Sequence[bytes]) -> bytearray:
    """Bytes of another file or at random, between two of this one."""
    place, length = _place(rng, len(data)), int(rng.integers(1, 400))
    source = sources[int(rng.integers(len(sources)))]
    start = int(rng.integers(len(source)))
    part = source[start : start + length] if rng.integers(2) else rng.bytes(length)
    return data[:place] + part + data[place:]


def _overwritten(rng: np.random.Generator, data: bytearray, sources: Sequence[bytes]) -> bytearray:
    """A stretch of random bytes or of one byte."""
    del sources
    start = _place(rng, len(data))
    end = min(len(data), start + int(rng.integers(1, 200)))
    data[start:end] = rng.bytes(end - start) if rng.integers(2) else bytes([_BYTES[rng.integers(7)]]) * (end - start)
    return data


CHANGES: tuple[Change, ...] = (
    _flip,
    _flip,
    _set,
    _size,
    _size,
    _cut,
    _without,
    _repeated,
    _joined,
    _inserted,
    _overwritten,
)
