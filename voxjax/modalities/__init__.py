"""Modalities other than audio, by name. A new one is a file here, a row in `MODALITIES` and a field of `Clip`.

Array functions are annotated with jaxtyping, as in `voxjax.audio`, whose names of sizes hold here too. A further one:

- `D`: channels of a modality.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import ArrayLike

from voxjax.config import one_of
from voxjax.data.manifest import FILES
from voxjax.errors import VoxJaxError, mismatch
from voxjax.modalities import face, physio, text
from voxjax.modalities.value import ModalityValue

Value = Path | ArrayLike  # the manifest's text, a file, or an array


class Modality(NamedTuple):
    """The reader of a modality, a function of a value and the clip's duration in seconds, and its limit."""

    read: Callable[[str | Path, float], ModalityValue]
    longest: int  # positions; further ones are dropped


MODALITIES = {
    "text": Modality(text.read, 1),
    "face": Modality(face.read, 600),
    "physio": Modality(physio.read, 600),
}


class ModalityColumn(NamedTuple):
    """A modality of many clips."""

    values: Float[np.ndarray, "clips T D"]  # float32, zero at padding
    lengths: Int[np.ndarray, " clips"]  # int32, 0 where it is missing
    names: tuple[str, ...]  # of the D channels; empty where they have none


def read(name: str, value: Value, duration_s: float) -> ModalityValue:
    """The modality of one clip, its values float32 `[T, D]`.

    Args:
        name: a row of `MODALITIES`.
        value: a transcript for `text`, a file for `face` and `physio`; or an array `[T, D]` or `[D]`, used unchanged.
        duration_s: of the clip, which time series are cut to; infinite where there is no audio.

    Raises:
        UsageError: at an unknown name.
        VoxJaxError: at an unreadable or empty value, or numbers that are not finite.
    """
    one_of("modality", name, MODALITIES)
    modality = MODALITIES[name]
    given, names = (
        modality.read(value, duration_s) if isinstance(value, (str, Path)) else ModalityValue(np.asarray(value))
    )
    found = np.asarray(given)
    if found.ndim not in (1, 2) or not found.size or found.dtype.kind not in "fiu":
        shape = "x".join(map(str, found.shape))
        what = f"{name} of {_described(value)}"
        do = "give one row per position"
        raise VoxJaxError(mismatch(what, "numbers as [T, D] or [D]", f"{found.dtype} of shape {shape}", do))
    found = np.atleast_2d(found).astype(np.float32)
    if not np.all(np.isfinite(found)):
        raise VoxJaxError(
            mismatch(f"{name} of {_described(value)}", "finite numbers", "NaN or infinity", "fill them in")
        )
    return ModalityValue(found[: modality.longest], names)


def read_all(name: str, values: Sequence[str], root: Path, durations_s: Sequence[float]) -> ModalityColumn:
    """A modality of many clips; those with an empty value have length 0.

    Args:
        name: a row of `MODALITIES`.
        values: the manifest's column.
        root: the manifest's folder; file values are relative to it.
        durations_s: of the clips.

    Raises:
        VoxJaxError: as `read` does, if no clip has the modality, or if clips differ in D or names of channels.
    """
    one_of("modality", name, MODALITIES)
    named = [str(root / value) if name in FILES and value else value for value in values]
    clips = {i: read(name, value, durations_s[i]) for i, value in enumerate(named) if value}
    if not clips:
        do = f"fill in the column '{name}' of the corpus 'csv', or leave {name} out of config.model.modalities"
        raise VoxJaxError(mismatch(f"modality {name}", "clips that have it", "none", do))
    first = next(iter(clips.values()))
    for i, one in clips.items():
        check_same_columns(f"{name} of {_described(named[i])}", one, first.values.shape[1], first.names)
    lengths = np.array([len(clips[i].values) if i in clips else 0 for i in range(len(values))], np.int32)
    out = np.zeros((len(values), int(lengths.max()), first.values.shape[1]), np.float32)
    for i, one in clips.items():
        out[i, : lengths[i]] = one.values
    return ModalityColumn(out, lengths, first.names)


def check_same_columns(what: str, value: ModalityValue, size: int, names: Sequence[str]) -> None:
    """Checks that a clip's channels are the expected ones.

    Args:
        what: the name of the value, for messages.
        value: of the clip.
        size: the expected D.
        names: the expected names of channels; empty where they have none.

    Raises:
        VoxJaxError: at another D, or at other names where both have names.
    """
    if value.names and names and value.names != tuple(names):
        do = "give the same columns for all clips"
        raise VoxJaxError(mismatch(what, "columns " + ", ".join(names), ", ".join(value.names), do))
    if value.values.shape[1] != size:
        expected = f"{size} numbers per position, as in the other clips"
        raise VoxJaxError(mismatch(what, expected, value.values.shape[1], "make them alike"))


def _described(value: Value) -> str:
    return f"'{str(value)[-60:]}'" if isinstance(value, (str, Path)) else "an array"
