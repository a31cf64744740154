"""EmoDB: ten German actors, ten sentences, seven emotions (Burkhardt et al. 2005, Interspeech, 1517-1520)."""

import re
from pathlib import Path

from voxjax.data.corpora import file_names
from voxjax.data.manifest import Clip

NOTE = (
    "EmoDB: Burkhardt et al. 2005, A database of German emotional speech, Interspeech, 1517-1520; licence CC BY 4.0 "
    "(credit it)."
)

# First letters of the German words: Wut, Langeweile, Ekel, Angst, Freude, Trauer, neutral.
_EMOTIONS = {
    "W": "angry",
    "L": "boredom",
    "E": "disgust",
    "A": "fearful",
    "F": "happy",
    "T": "sad",
    "N": "neutral",
}
_MEN, _WOMEN = ("03", "10", "11", "12", "15"), ("08", "09", "13", "14", "16")
_TEXTS = ("a01", "a02", "a04", "a05", "a07", "b01", "b02", "b03", "b09", "b10")
_NAMING = file_names.Naming(
    "emodb",
    re.compile(rf"({'|'.join(_MEN + _WOMEN)})({'|'.join(_TEXTS)})([{''.join(_EMOTIONS)}])([a-z])"),
    "03a01Fa.wav",
)


def find(data_dir: Path) -> list[Clip]:
    """All 535 clips below `data_dir/emodb/`, in the archive under `wav/`.

    Raises:
        VoxJaxError: without any, at names that are not EmoDB's, or at a clip that is there twice.
    """
    folder = data_dir / "emodb"
    recordings = file_names.recordings(folder, file_names.audio_files(folder), _NAMING)
    file_names.check_unique("emodb", folder, [(one.path.stem, one.path) for one in recordings])
    return [_clip(data_dir, one) for one in recordings]


def _clip(data_dir: Path, one: file_names.Recording) -> Clip:
    speaker, text, emotion, version = one.fields.groups()
    gender = "male" if speaker in _MEN else "female"
    about = {"gender": gender, "statement": text, "repetition": version}
    return file_names.clip(data_dir, one.path, "emodb", speaker, _EMOTIONS[emotion], **about)
