"""TESS: two actresses, 200 words each, seven emotions (Pichora-Fuller and Dupuis 2020, Borealis SP2/E8H2MF)."""

import re
from pathlib import Path

from voxjax.data.corpora import file_names
from voxjax.data.manifest import Clip

NOTE = (
    "TESS: Pichora-Fuller & Dupuis 2020, Toronto Emotional Speech Set, Borealis, doi:10.5683/SP2/E8H2MF; "
    "licence CC BY-NC-ND 4.0 (credit it, non-commercial use, no derivatives)."
)

_EMOTIONS = {
    "angry": "angry",
    "disgust": "disgust",
    "fear": "fearful",
    "happy": "happy",
    "neutral": "neutral",
    "ps": "surprised",  # pleasant surprise
    "sad": "sad",
}
# One file of the published set lacks a letter: OA_bite_neutral.wav.
_SPEAKERS = {"OAF": "OAF", "OA": "OAF", "YAF": "YAF"}
_NAMING = file_names.Naming(
    "tess", re.compile(rf"({'|'.join(_SPEAKERS)})_([a-z]+)_({'|'.join(_EMOTIONS)})"), "OAF_back_angry.wav"
)


def find(data_dir: Path) -> list[Clip]:
    """All 2,800 clips below `data_dir/tess/`, whatever their folders are called.

    Raises:
        VoxJaxError: without any, at names that are not TESS's, or at a clip that is there twice.
    """
    folder = data_dir / "tess"
    recordings = file_names.recordings(folder, file_names.audio_files(folder), _NAMING)
    names = [("_".join((_SPEAKERS[one.fields[1]], *one.fields.groups()[1:])), one.path) for one in recordings]
    file_names.check_unique("tess", folder, names)
    return [_clip(data_dir, one) for one in recordings]


def _clip(data_dir: Path, one: file_names.Recording) -> Clip:
    speaker, word, emotion = one.fields.groups()
    statement = f"Say the word {word}"
    about = {"gender": "female", "statement": statement, "repetition": "1"}
    return file_names.clip(data_dir, one.path, "tess", _SPEAKERS[speaker], _EMOTIONS[emotion], **about)
