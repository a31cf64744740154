"""RAVDESS: 24 actors, two sentences, eight emotions (Livingstone and Russo 2018, PLoS ONE 13(5): e0196391)."""

import collections
import re
from pathlib import Path

from voxjax.audio import io
from voxjax.data.manifest import Clip, digest
from voxjax.errors import VoxJaxError, mismatch

NOTE = (
    "RAVDESS: Livingstone & Russo 2018, PLoS ONE 13(5): e0196391; licence CC BY-NC-SA 4.0 "
    "(credit it, non-commercial use, share alike)."
)

_EMOTIONS = ("neutral", "calm", "happy", "sad", "angry", "fearful", "disgust", "surprised")
_INTENSITIES = ("normal", "strong")
_STATEMENTS = ("Kids are talking by the door", "Dogs are sitting by the door")
_SUFFIXES = (".wav", ".flac")
# modality (03 audio), channel (01 speech, 02 song), emotion, intensity, statement, repetition, actor
_NAME = re.compile(r"03-(01|02)-(0[1-8])-(0[12])-(0[12])-(0[12])-(0[1-9]|1\d|2[0-4])")


def find(data_dir: Path) -> list[Clip]:
    """All speech clips of `data_dir/ravdess/Actor_NN/`, as WAV or FLAC; song is left out.

    Raises:
        VoxJaxError: if there are none, at sound files whose names are not RAVDESS's (they are listed), or at
            a clip that lies there twice, as in archives that hold their own folder again.
    """
    folder = data_dir / "ravdess"
    files = sorted(path for path in folder.rglob("*") if io.is_sound(path) and path.suffix.lower() in _SUFFIXES)
    unknown = [path for path in files if not _NAME.fullmatch(path.stem)]
    if unknown:
        found = f"{len(unknown)} others: " + ", ".join(str(path.relative_to(folder)) for path in unknown[:5])
        do = "move them elsewhere, or use --config.corpus=folder for recordings of your own"
        raise VoxJaxError(mismatch("ravdess", "names as 03-01-05-01-02-01-12.wav", found, do))
    speech = [path for path in files if path.stem.startswith("03-01-")]
    if not speech:
        do = f"put its Actor_01 … Actor_24 folders into {folder}"
        raise VoxJaxError(mismatch("ravdess", "speech clips", f"none in {folder}", do))
    _refuse_twins(speech, folder)
    return [_clip(path, data_dir) for path in speech]


def _refuse_twins(files: list[Path], folder: Path) -> None:
    places = collections.defaultdict(list)
    for path in files:
        places[path.stem].append(str(path.relative_to(folder)))
    twins = [" = ".join(names) for names in places.values() if len(names) > 1]
    if twins:
        found = f"{len(twins)} more than once, as {twins[0]}"
        raise VoxJaxError(mismatch("ravdess", "each clip once", found, "remove the second copy"))


def _clip(path: Path, data_dir: Path) -> Clip:
    _, emotion, intensity, statement, repetition, actor = map(int, path.stem.split("-")[1:])
    return Clip(
        path=path.relative_to(data_dir).as_posix(),
        corpus="ravdess",
        speaker=f"Actor_{actor:02d}",
        gender="male" if actor % 2 else "female",
        emotion=_EMOTIONS[emotion - 1],
        statement=_STATEMENTS[statement - 1],
        intensity=_INTENSITIES[intensity - 1],
        repetition=str(repetition),
        sha256=digest(path),
    )
