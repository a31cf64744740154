"""What clips have beside their sound. A new modality is a file here, a row in `MODALITIES` and a field of `Clip`.

Letters: T positions, D numbers at each.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from voxjax.config import one_of
from voxjax.data.manifest import FILES
from voxjax.errors import VoxJaxError, mismatch
from voxjax.modalities import face, physio, text
from voxjax.modalities.value import ModalityValue

Value = Any  # what a user gives: the column's text, a path, or an array


class Modality(NamedTuple):
    """How a modality is read: from a value, and the clip's duration in seconds."""

    read: Callable[[Value, float], ModalityValue]
    longest: int  # positions; what is beyond them is cut off


MODALITIES = {
    "text": Modality(text.read, 1),
    "face": Modality(face.read, 600),
    "physio": Modality(physio.read, 600),
}


class ModalityColumn(NamedTuple):
    """A modality of many clips."""

    values: np.ndarray  # float32 [clips, T, D], zero beyond each
    lengths: np.ndarray  # int32 [clips], 0 where it is missing
    names: tuple[str, ...]  # of the D numbers


def read(name: str, value: Value, duration_s: float) -> ModalityValue:
    """One clip's modality, its values float32 `[T, D]`.

    Args:
        name: a row of `MODALITIES`.
        value: a transcript for `text`, a file for the others; or numbers `[T, D]` or `[D]` for any, taken as they are.
        duration_s: of the clip, to which time series are cut; infinite where there is no sound.

    Raises:
        UsageError: at an unknown name.
        VoxJaxError: at what can't be read, no finite number, or nothing at all.
    """
    one_of("modality", name, MODALITIES)
    how = MODALITIES[name]
    given, names = how.read(value, duration_s) if isinstance(value, (str, Path)) else ModalityValue(value)
    found = np.asarray(given)
    if found.ndim not in (1, 2) or not found.size or found.dtype.kind not in "fiu":
        shape = "x".join(map(str, found.shape))
        what = f"{name} of {_shown(value)}"
        do = "give one row a position"
        raise VoxJaxError(mismatch(what, "numbers as [T, D] or [D]", f"{found.dtype} of shape {shape}", do))
    found = np.atleast_2d(found).astype(np.float32)
    if not np.all(np.isfinite(found)):
        raise VoxJaxError(mismatch(f"{name} of {_shown(value)}", "finite numbers", "NaN or infinity", "fill them in"))
    return ModalityValue(found[: how.longest], names)


def read_all(name: str, values: Sequence[str], root: Path, durations_s: Sequence[float]) -> ModalityColumn:
    """A modality of many clips; one with an empty value lacks it.

    Args:
        name: a row of `MODALITIES`.
        values: the manifest's column.
        root: the manifest's, from which files are named.
        durations_s: of the clips.

    Raises:
        VoxJaxError: as `read` does, and where no clip has it, or clips differ in D or what the numbers are.
    """
    one_of("modality", name, MODALITIES)
    named = [str(root / value) if name in FILES and value else value for value in values]
    pieces = {i: read(name, value, durations_s[i]) for i, value in enumerate(named) if value}
    if not pieces:
        do = f"fill in the column '{name}' of the corpus 'csv', or leave {name} out of config.model.modalities"
        raise VoxJaxError(mismatch(f"modality {name}", "clips that have it", "none", do))
    first = next(iter(pieces.values()))
    for i, piece in pieces.items():
        check_same_columns(f"{name} of {_shown(named[i])}", piece, first.values.shape[1], first.names)
    lengths = np.array([len(pieces[i].values) if i in pieces else 0 for i in range(len(values))], np.int32)
    out = np.zeros((len(values), int(lengths.max()), first.values.shape[1]), np.float32)
    for i, piece in pieces.items():
        out[i, : lengths[i]] = piece.values
    return ModalityColumn(out, lengths, first.names)


def check_same_columns(what: str, piece: ModalityValue, size: int, names: Sequence[str]) -> None:
    """Checks that a clip's numbers are those that others have.

    Args:
        what: they are, for messages.
        piece: of the clip.
        size: D of the others.
        names: of the others' numbers; empty where they have none.

    Raises:
        VoxJaxError: at another D, or other names where both have names.
    """
    if piece.names and names and piece.names != tuple(names):
        do = "give the same columns for all clips"
        raise VoxJaxError(mismatch(what, "columns " + ", ".join(names), ", ".join(piece.names), do))
    if piece.values.shape[1] != size:
        expected = f"{size} numbers a position, as the others have"
        raise VoxJaxError(mismatch(what, expected, piece.values.shape[1], "make them alike"))


def _shown(value: Value) -> str:
    return f"'{str(value)[-60:]}'" if isinstance(value, (str, Path)) else "an array"
