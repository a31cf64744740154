"""Fingerprints as arrays, to be kept in a file."""

import io
from collections.abc import Mapping, Sequence

import numpy as np

from voxjax.audio.fingerprint import Print


def packed(arrays: Mapping[str, np.ndarray]) -> bytes:
    """Arrays as the bytes of a compressed NumPy archive."""
    file = io.BytesIO()
    np.savez_compressed(file, allow_pickle=False, **dict(arrays))
    return file.getvalue()


def to_arrays(made: Sequence[Print]) -> dict[str, np.ndarray]:
    """Fingerprints as arrays: the number of frames of each, which are loud, and the words of those."""
    every = made[0].every if made else 1
    loud = np.concatenate([np.zeros(0, bool), *(one.loud for one in made)])
    return {
        "frames": np.array([len(one.loud) for one in made], np.int32),
        "loud": np.packbits(loud),
        "words": np.concatenate([np.zeros(0, np.uint32), *(one.words[one.loud] for one in made)]),
        "every": np.array(every, np.int32),
    }


def from_arrays(arrays: Mapping[str, np.ndarray]) -> list[Print]:
    """The fingerprints of `to_arrays`; words of quiet frames are 0."""
    total = int(arrays["frames"].sum())
    loud = np.unpackbits(arrays["loud"], count=total).astype(bool)
    words = np.zeros(total, np.uint32)
    words[loud] = arrays["words"]
    ends = np.cumsum(arrays["frames"])[:-1]
    pairs = zip(np.split(words, ends), np.split(loud, ends), strict=True)
    return [Print(*pair, int(arrays["every"])) for pair in pairs][: len(arrays["frames"])]
