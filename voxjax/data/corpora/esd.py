"""ESD: ten Mandarin and ten English speakers, 350 sentences, five emotions (Zhou et al. 2021, ICASSP, 920-924)."""

import re
from pathlib import Path

from voxjax.data.corpora import file_names
from voxjax.data.manifest import Clip
from voxjax.errors import VoxJaxError, mismatch

NOTE = (
    "ESD: Zhou et al. 2021, Seen and unseen emotional style transfer for voice conversion with a new emotional speech "
    "dataset, ICASSP, 920-924; for research, by agreement with its makers."
)

_EMOTIONS = {
    "Neutral": "neutral",
    "Angry": "angry",
    "Happy": "happy",
    "Sad": "sad",
    "Surprise": "surprised",
}  # in the order of the numbers: 350 sentences each
_SENTENCES = 350
_WOMEN = (1, 2, 3, 7, 9, 15, 16, 17, 18, 19)
_MANDARIN = range(1, 11)
_NAMING = file_names.Naming("esd", re.compile(r"(00(?:0[1-9]|1\d|20))_(\d{6})"), "0011/Angry/0011_000351.wav")


def find(data_dir: Path) -> list[Clip]:
    """All 35,000 clips below `data_dir/esd/`, with or without folders `train`, `test` and `evaluation`.

    Raises:
        VoxJaxError: without any, at names that are not ESD's, at a clip that is there twice, or at a
            number that belongs to another emotion than its folder.
    """
    folder = data_dir / "esd"
    recordings = file_names.recordings(folder, file_names.audio_files(folder), _NAMING)
    file_names.check_unique("esd", folder, [(one.path.stem, one.path) for one in recordings])
    return [_clip(data_dir, one) for one in recordings]


def _clip(data_dir: Path, one: file_names.Recording) -> Clip:
    speaker, number = int(one.fields[1]), int(one.fields[2]) - 1
    known = range(len(_EMOTIONS) * _SENTENCES)
    name = list(_EMOTIONS)[number // _SENTENCES] if number in known else "no emotion"
    if name not in one.path.parts[-3:-1]:
        found = "/".join(one.path.parts[-4:-1])
        raise VoxJaxError(mismatch(str(one.path.name), f"a folder {name}, by its number", found, "move it back"))
    about = {
        "gender": "female" if speaker in _WOMEN else "male",
        "statement": f"{'Mandarin' if speaker in _MANDARIN else 'English'} {number % _SENTENCES + 1}",
    }
    return file_names.clip(data_dir, one.path, "esd", one.fields[1], _EMOTIONS[name], **about)
