"""Modalities of a recording other than the audio, read and checked for a model."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float

from voxjax import modalities
from voxjax.errors import VoxJaxError, mismatch


def check(model: str, known: Mapping[str, int], has_sound: bool, given: Mapping[str, modalities.Value]) -> None:
    """Checks that a model takes these modalities, and that there is any input.

    Args:
        model: the folder, for errors.
        known: the size of each modality that the model fuses.
        has_sound: whether there is any.
        given: of the recording.

    Raises:
        VoxJaxError: at an unknown modality, and without any input.
    """
    names = ", ".join(known) or "sound alone"
    if unknown := [name for name in given if name not in known]:
        do = "leave it out, or use a model that was trained with it"
        raise VoxJaxError(mismatch(f"{model}, modalities", names, ", ".join(unknown), do))
    if not has_sound and not given:
        expected = "sound" + (f", or any of {names}" if known else "")
        raise VoxJaxError(mismatch(model, expected, "nothing", "give at least one"))


def read(
    model: str,
    sizes: Mapping[str, int],
    columns: Mapping[str, tuple[str, ...]],
    given: Mapping[str, modalities.Value],
    longest_s: float,
) -> dict[str, Float[np.ndarray, "_ _"]]:
    """Each modality of a recording: float32 `[T, D]`.

    Args:
        model, given: as for `check`.
        sizes: the size of each modality of the model.
        columns: the names of its channels, where they have names.
        longest_s: seconds that they may last.

    Raises:
        VoxJaxError: at values that can't be read, or other columns than the model's.
    """
    found = {}
    for name, value in given.items():
        one = modalities.read(name, value, longest_s)
        modalities.check_same_columns(
            f"{name}, for {model}", one, sizes[name], columns[name] if name in columns else ()
        )
        found[name] = one.values
    return found
