"""The built-in demo corpus of several modalities: voice, words, face and physiology, written once into the cache."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from voxjax.data import synthetic, synthetic_modal
from voxjax.data.corpora import generated
from voxjax.data.manifest import Clip

NOTE = (
    "Demo corpus of several modalities: voice, words, face and physiology made by voxjax.data.synthetic_modal, "
    "Apache-2.0. Not recorded from people."
)

_FOLDER = "demo_modal-1"  # increased when `synthetic_modal` changes its output


def find(cache: Path) -> list[Clip]:
    """Clips of 12 speakers, 6 emotions and 4 takes; a fifth has no words, a fifth no face, a fifth no physiology.

    Raises:
        OSError: if the cache can't be written; nothing is left behind.
    """
    digests = {f"{_FOLDER}/{name}": one for name, one in generated.ensure(cache / _FOLDER, _write).items()}
    return [_clip(digests, take) for take in synthetic_modal.takes()]


def _clip(digests: Mapping[str, str], take: synthetic_modal.Take) -> Clip:
    path, words = _path(take), synthetic_modal.words(take)
    files = {name: f"{path}.{name}.csv" for name in ("face", "physio")}
    present: dict[str, Any] = {name: file for name, file in files.items() if file in digests}
    return Clip(
        path=f"{path}.wav",
        corpus="demo_modal",
        speaker=take.speaker.name,
        gender=take.speaker.gender,
        emotion=take.emotion,
        statement=words,
        intensity="",
        repetition=str(take.take + 1),
        sha256=digests[f"{path}.wav"],
        text=words,
        **present,
    )


def _path(take: synthetic_modal.Take) -> str:
    return f"{_FOLDER}/{take.speaker.name}/{take.emotion}_{take.take + 1}"


def _write(folder: Path) -> None:
    for take in synthetic_modal.takes():
        path = folder / Path(_path(take)).relative_to(_FOLDER)
        path.parent.mkdir(exist_ok=True)
        soundfile.write(
            f"{path}.wav", synthetic_modal.voice(take), synthetic.SAMPLE_RATE_HZ, format="WAV", subtype="PCM_16"
        )
        _series(Path(f"{path}.face.csv"), synthetic_modal.UNITS, synthetic_modal.face(take))
        _series(Path(f"{path}.physio.csv"), synthetic_modal.SIGNALS, synthetic_modal.body(take))


def _series(path: Path, columns: tuple[str, ...], values: np.ndarray | None) -> None:
    if values is not None:
        np.savetxt(path, values, "%.3f", ",", header=",".join(("time_s", *columns)), comments="")
