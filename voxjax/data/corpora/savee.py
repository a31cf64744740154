"""SAVEE: four British men, seven emotions (Haq and Jackson 2010, in Machine Audition, 398-423)."""

import re
from pathlib import Path

from voxjax.data.corpora import file_names
from voxjax.data.manifest import Clip
from voxjax.errors import VoxJaxError, mismatch

NOTE = (
    "SAVEE: Haq & Jackson 2010, Multimodal emotion recognition, in: Machine Audition, IGI Global, 398-423; "
    "free for research after registration with the University of Surrey."
)

_EMOTIONS = {
    "a": "angry",
    "d": "disgust",
    "f": "fearful",
    "h": "happy",
    "n": "neutral",
    "sa": "sad",
    "su": "surprised",
}
_SPEAKERS = ("DC", "JE", "JK", "KL")
_NAMING = file_names.Naming(
    "savee",
    re.compile(rf"(?:({'|'.join(_SPEAKERS)})_)?({'|'.join(_EMOTIONS)})(0[1-9]|[12]\d|30)"),
    "AudioData/DC/a01.wav or DC_a01.wav",
)


def find(data_dir: Path) -> list[Clip]:
    """All 480 clips below `data_dir/savee/`, in the speakers' folders or with the speakers in their names.

    Raises:
        VoxJaxError: without any, at names that are not SAVEE's or have no speaker, or at a clip that lies
            there twice.
    """
    folder = data_dir / "savee"
    files = file_names.audio_files(folder, lambda path: (path.parent.name, path.stem))  # speakers share names
    recordings = file_names.recordings(folder, files, _NAMING)
    names = [(f"{_speaker(one)}_{one.fields[2]}{one.fields[3]}", one.path) for one in recordings]
    file_names.check_unique("savee", folder, names)
    return [_clip(data_dir, one) for one in recordings]


def _speaker(one: file_names.Recording) -> str:
    speaker = one.fields[1] or one.path.parent.name
    if speaker not in _SPEAKERS:
        do = "keep the archive's folders"
        raise VoxJaxError(mismatch(str(one.path), "a folder " + ", ".join(_SPEAKERS), f"'{speaker}'", do))
    return speaker


def _clip(data_dir: Path, one: file_names.Recording) -> Clip:
    _, emotion, number = one.fields.groups()
    about = {"gender": "male", "repetition": str(int(number))}
    return file_names.clip(data_dir, one.path, "savee", _speaker(one), _EMOTIONS[emotion], **about)
